/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * Goal: what a reader keeps from a read-side section of liburcu stays what it was until the section ends, and no cell is lost.
 *
 * Method: values say which key they belong to, and carry a checksum. Readers look at them when they find them and again before the
 * section ends, while others erase, and fill the cells again; without a grace period the same test finds rubbish, which is tested,
 * too. Maps are filled to the last cell, before and after. destroy_value says when a cell was released. An allocator
 * that fails stands for memory that runs out.
 *
 * The program is built twice: with liburcu-qsbr, where a thread is inside a section as long as it is online, and with
 * -DTEST_URCU_MEMB and liburcu, where it is when it says so.
 */
#ifdef TEST_URCU_MEMB
#include <urcu.h>
#else
#include <urcu-qsbr.h>
#endif

#include <hashloom/atomic_hash_map.h>
#include <hashloom/atomic_hash_map_urcu.h>

#include "map_kit.h"

#ifdef KIT_THREAD_SANITIZER
/*
 * liburcu is not compiled for ThreadSanitizer, which so does not see how its threads hand memory of its own to each other, and calls its malloc and free a
 * race. Only calls that the library makes itself are left out, not what its threads do in our callbacks.
 */
const char *__tsan_default_suppressions(void);
const char *__tsan_default_suppressions(void)
{
#ifdef TEST_URCU_MEMB
	return "called_from_lib:liburcu.so\ncalled_from_lib:liburcu-common\n";
#else
	return "called_from_lib:liburcu-qsbr\ncalled_from_lib:liburcu-common\n";
#endif
}
#endif

/* ---- sections ---------------------------------------------------------------------------------------- */

/* Sections that ended. ThreadSanitizer does not see liburcu's grace periods: section_end() and grace_period_passed() tell it. */
static hl_u64 sections;

/* Threads are registered, and offline but in a section and where they erase. */
static void thread_begin(void)
{
	rcu_register_thread();
	rcu_thread_offline();
}

static void thread_end(void)
{
	rcu_thread_online();
	rcu_unregister_thread();
}

static void section_begin(void)
{
	rcu_thread_online();
	rcu_read_lock();
}

static void section_end(void)
{
#ifdef KIT_THREAD_SANITIZER
	hl_u64_fetch_add_release(&sections, 1);
#endif
	rcu_read_unlock();
	rcu_thread_offline();
}

static void grace_period_passed(void)
{
#ifdef KIT_THREAD_SANITIZER
	(void)hl_u64_load_acquire(&sections);
#else
	(void)sections;
#endif
}

/* ---- values ------------------------------------------------------------------------------------------ */

struct account {
	uint64_t key;
	uint64_t stamp;
	uint64_t check[4];
};

static struct account account_of(uint64_t key, uint64_t stamp)
{
	struct account account = { key, stamp, { 0 } };

	kit_value_fill(account.check, sizeof(account.check), key * 1000003 + stamp);
	return account;
}

static int account_is(const struct account *account, uint64_t key)
{
	return account->key == key &&
	       kit_value_is(account->check, sizeof(account->check), account->key * 1000003 + account->stamp);
}

#define ATOMIC_HASH_MAP_NAME accounts
#define ATOMIC_HASH_MAP_VALUE struct account
#define ATOMIC_HASH_MAP_REUSE HASHLOOM_REUSE_ANY_KEY
#define ATOMIC_HASH_MAP_FIXED 1
#include <hashloom/atomic_hash_map_typed.h>

/* ---- a bank: a fixed map that can be filled to the last cell, and its object ------------------------------ */

#define KEYS_MAX 4096

struct bank {
	struct accounts accounts;
	struct atomic_hash_map_urcu urcu;
	struct kit_allocator allocator; /* of the object; the map has the default */
	struct kit_errors errors;
	hl_u64 destroyed;
	hl_u64 destroyed_of[KEYS_MAX];
	int has_urcu;
};

static void bank_release(void *map, uint32_t id)
{
	grace_period_passed();
	accounts_release((struct accounts *)map, id);
}

/* The value is read as it is: ThreadSanitizer would see a reader that still uses it, had it not ended its section. */
static void bank_destroy_value(void *context, void *value)
{
	struct bank *const bank = context;
	struct account *const account = value;

	kit_expect(&bank->errors, account_is(account, account->key));
	if (account->key < KEYS_MAX)
		hl_u64_fetch_add_release(&bank->destroyed_of[account->key], 1);
	account->check[0] ^= 1;
	hl_u64_fetch_add_release(&bank->destroyed, 1);
}

static struct bank *bank_make(size_t cells, int has_urcu)
{
	struct bank *const bank = kit_zeroed_lines(sizeof(*bank));
	const struct atomic_hash_map_config config = {
		.cells_count = cells,
		.load_permille = 1000,
		.destroy_value = has_urcu ? bank_destroy_value : NULL,
		.destroy_context = bank,
		.retire = has_urcu ? atomic_hash_map_urcu_retire : NULL,
		.retire_context = &bank->urcu,
	};

	bank->has_urcu = has_urcu;
	kit_allocator_init(&bank->allocator);
	atomic_hash_map_urcu_init(&bank->urcu, &rcu_flavor, &bank->allocator.hooks);
	assert_int_equal(accounts_create_with(&bank->accounts, cells, &config), HASHLOOM_OK);
	atomic_hash_map_urcu_attach_typed(&bank->urcu, bank_release, &bank->accounts);
	return bank;
}

static uint64_t bank_destroyed(const struct bank *bank)
{
	return hl_u64_load_acquire(&bank->destroyed);
}

static void bank_delete(struct bank *bank)
{
	assert_int_equal(atomic_hash_map_urcu_finish(&bank->urcu), HASHLOOM_OK);
	assert_int_equal(atomic_hash_map_urcu_waiting(&bank->urcu), 0);
	assert_int_equal(kit_allocator_blocks(&bank->allocator), 0);
	kit_assert_no_errors(&bank->allocator.errors);
	kit_assert_no_errors(&bank->errors);
	const char *const error = kit_core_error(&accounts_hl_policy, &bank->accounts.map, 1);

	if (error != NULL)
		fail_msg("%s", error);
	accounts_destroy(&bank->accounts);
	free(bank);
}

static int bank_insert(struct bank *bank, uint64_t key)
{
	return accounts_insert(&bank->accounts, key, account_of(key, 0), NULL);
}

/* Inserts keys from `key` on until there is no room. Returns how many. */
static size_t bank_fill(struct bank *bank, uint64_t key)
{
	size_t count = 0;
	int inserted;

	while ((inserted = bank_insert(bank, key + count)) == 1)
		count++;
	assert_int_equal(inserted, HASHLOOM_ERROR_FULL);
	return count;
}

/* Erases by a thread that is no reader. */
static void bank_erase(struct bank *bank, uint64_t key, size_t count)
{
	rcu_thread_online();
	for (size_t i = 0; i < count; i++)
		kit_expect(&bank->errors, accounts_erase(&bank->accounts, key + i) == 1);
	rcu_thread_offline();
}

/* ---- one thread -------------------------------------------------------------------------------------- */

/* As in the head of atomic_hash_map_urcu.h. */
static uint64_t usage(uint64_t key)
{
	static struct atomic_hash_map_urcu urcu;
	struct atomic_hash_map_config config = { .value_size = sizeof(struct account), .reuse = HASHLOOM_REUSE_ANY_KEY,
						 .retire = atomic_hash_map_urcu_retire, .retire_context = &urcu };
	const struct account made = account_of(key, 7);
	struct atomic_hash_map *map = NULL;
	const struct account *account;
	uint64_t sum = 0;

	atomic_hash_map_urcu_init(&urcu, &rcu_flavor, NULL);
	if (atomic_hash_map_create(1000, &config, &map) == HASHLOOM_OK)
		atomic_hash_map_urcu_attach(&urcu, map);
	assert_int_equal(atomic_hash_map_insert(map, key, &made, NULL), 1);

	rcu_thread_online();
	rcu_read_lock();
	account = (const struct account *)atomic_hash_map_find(map, key);
	assert_int_equal(atomic_hash_map_erase(map, key), 1);
	if (account != NULL)
		sum += account->stamp;
	assert_int_equal(atomic_hash_map_urcu_waiting(&urcu), 1);
	rcu_read_unlock();
	rcu_thread_offline();

	if (atomic_hash_map_urcu_finish(&urcu) == HASHLOOM_OK)
		atomic_hash_map_destroy(map);
	return sum;
}

static void test_urcu_usage(void **state)
{
	(void)state;
	assert_int_equal(usage(42), 7);
}

/* Erases a key and inserts another one while a reader, the same thread, keeps the address. Returns whether it is still the key's. */
static int keep_and_recycle(struct bank *bank, int inserts)
{
	const size_t n = bank_fill(bank, 1);
	int is_same;

	assert_int_equal(n, 15);
	section_begin();
	const struct account *const kept = accounts_find(&bank->accounts, 5);
	const uint32_t id = accounts_id(&bank->accounts, kept);

	assert_true(account_is(kept, 5));
	assert_int_equal(accounts_erase(&bank->accounts, 5), 1);
	assert_null(accounts_find(&bank->accounts, 5));
	kit_sleep_us(30000);
	assert_int_equal(bank_insert(bank, 100), inserts);
	is_same = account_is(kept, 5);
	section_end();
	assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
	assert_int_equal(bank_insert(bank, 100), 1 - (inserts == 1));
	assert_int_equal(accounts_id(&bank->accounts, accounts_find(&bank->accounts, 100)), id);
	return is_same;
}

static void test_urcu_A1_B3_an_address_is_the_entrys_until_the_section_ends(void **state)
{
	struct bank *const bank = bank_make(15, 1);

	(void)state;
	assert_true(keep_and_recycle(bank, HASHLOOM_ERROR_FULL));
	assert_int_equal(bank_destroyed(bank), 1);
	bank_delete(bank);
}

static void test_urcu_A1_control_without_grace_periods_it_is_anothers(void **state)
{
	struct bank *const bank = bank_make(15, 0);

	(void)state;
	assert_false(keep_and_recycle(bank, 1));
	bank_delete(bank);
}

static void test_urcu_A2_reserved_keys_are_not_retired(void **state)
{
	struct bank *const bank = bank_make(15, 1);

	(void)state;
	for (uint64_t key = UINT64_MAX - 3; key != 0; key++) {
		assert_int_equal(bank_insert(bank, key), 1);
		bank_erase(bank, key, 1);
		assert_int_equal(atomic_hash_map_urcu_waiting(&bank->urcu), 0);
		assert_int_equal(bank_insert(bank, key), 1);
	}
	bank_delete(bank);
}

static void test_urcu_flush_with_nothing(void **state)
{
	struct bank *const bank = bank_make(15, 1);

	(void)state;
	for (int turn = 0; turn < 2; turn++) {
		assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
		assert_int_equal(atomic_hash_map_urcu_waiting(&bank->urcu), 0);
		assert_int_equal(bank_insert(bank, 1), 1);
		bank_erase(bank, 1, 1);
		assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
		assert_int_equal(bank_destroyed(bank), turn + 1);
	}
	bank_delete(bank);
}

static void test_urcu_finish_without_a_map(void **state)
{
	static struct atomic_hash_map_urcu urcu;
	struct kit_allocator allocator;

	(void)state;
	kit_allocator_init(&allocator);
	atomic_hash_map_urcu_init(&urcu, &rcu_flavor, &allocator.hooks);
	assert_int_equal(atomic_hash_map_urcu_reserve(&urcu, 1000), HASHLOOM_OK);
	assert_int_equal(atomic_hash_map_urcu_finish(&urcu), HASHLOOM_OK);
	kit_allocator_assert_done(&allocator);
}

/* With QSBR it is a quiescent state. */
static void test_urcu_flush_and_finish_inside_a_section(void **state)
{
	struct bank *const bank = bank_make(15, 1);
#ifdef TEST_URCU_MEMB
	const int expected = HASHLOOM_ERROR_INVALID_ARGUMENT;
	const uint64_t destroyed = 0;
#else
	const int expected = HASHLOOM_OK;
	const uint64_t destroyed = 1;
#endif

	(void)state;
	assert_int_equal(bank_insert(bank, 1), 1);
	section_begin();
	assert_int_equal(accounts_erase(&bank->accounts, 1), 1);
	assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), expected);
	assert_int_equal(bank_destroyed(bank), destroyed);
	assert_int_equal(atomic_hash_map_urcu_finish(&bank->urcu), expected);
	assert_true(rcu_read_ongoing());
	section_end();
	bank_delete(bank);
}

static void test_urcu_B1_cells_come_back_without_a_flush(void **state)
{
	struct bank *const bank = bank_make(1500, 1);
	const size_t n = bank_fill(bank, 1);

	(void)state;
	bank_erase(bank, 1, n);
	while (atomic_hash_map_urcu_waiting(&bank->urcu) > 0) /* the alarm is the bound */
		kit_sleep_us(1000);
	assert_int_equal(bank_destroyed(bank), n);
	assert_int_equal(bank_fill(bank, 5000), n);
	bank_delete(bank);
}

static void test_urcu_clear_and_compact_after_a_flush(void **state)
{
	struct bank *const bank = bank_make(150, 1);

	(void)state;
	for (uint64_t round = 0; round < 5; round++) {
		assert_int_equal(bank_fill(bank, 1), 150);
		bank_erase(bank, 1, 70);
		assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
		if (round % 2 == 0)
			assert_int_equal(accounts_compact(&bank->accounts, 150), HASHLOOM_OK);
		bank_erase(bank, 100, 10);
		assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
		accounts_clear(&bank->accounts);
		assert_int_equal(bank_destroyed(bank), (round + 1) * 150);
	}
	bank_delete(bank);
}

/* ---- a reader in a thread of its own -------------------------------------------------------------------- */

struct keeper {
	struct bank *bank;
	pthread_t thread;
	hl_u32 step; /* 1: it keeps the address; 2: it shall leave */
};

static void *keeper_run(void *arg)
{
	struct keeper *const keeper = arg;

	thread_begin();
	section_begin();
	const struct account *const kept = accounts_find(&keeper->bank->accounts, 1);

	kit_expect(&keeper->bank->errors, kept != NULL);
	hl_u32_store_release(&keeper->step, 1);
	kit_wait_for(&keeper->step, 2);
	kit_expect(&keeper->bank->errors, kept != NULL && account_is(kept, 1));
	section_end();
	thread_end();
	return NULL;
}

static void keeper_start(struct keeper *keeper, struct bank *bank)
{
	memset(keeper, 0, sizeof(*keeper));
	keeper->bank = bank;
	keeper->thread = kit_start(keeper_run, keeper);
	kit_wait_for(&keeper->step, 1);
}

static void keeper_leave(struct keeper *keeper)
{
	hl_u32_store_release(&keeper->step, 2);
	kit_join(keeper->thread);
}

static void test_urcu_A1_destroy_value_runs_after_the_grace_period(void **state)
{
	struct bank *const bank = bank_make(15, 1);
	struct keeper keeper;

	(void)state;
	assert_int_equal(bank_insert(bank, 1), 1);
	keeper_start(&keeper, bank);
	bank_erase(bank, 1, 1);
	kit_sleep_us(100000);
	assert_int_equal(bank_destroyed(bank), 0);
	assert_int_equal(atomic_hash_map_urcu_waiting(&bank->urcu), 1);
	keeper_leave(&keeper);
	assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
	assert_int_equal(bank_destroyed(bank), 1);
	bank_delete(bank);
}

/* What came while the first grace period was on its way has a grace period of its own. */
static void test_urcu_A1_each_erase_has_its_own_grace_period(void **state)
{
	struct bank *const bank = bank_make(15, 1);
	struct keeper keeper;
	struct keeper later;

	(void)state;
	assert_int_equal(bank_insert(bank, 1), 1);
	assert_int_equal(bank_insert(bank, 2), 1);
	keeper_start(&keeper, bank);
	bank_erase(bank, 2, 1);
	kit_sleep_us(50000); /* its grace period has begun, and waits for `keeper` */
	keeper_start(&later, bank);
	bank_erase(bank, 1, 1);
	keeper_leave(&keeper);
	for (unsigned turn = 0; turn < 1000 && bank_destroyed(bank) == 0; turn++)
		kit_sleep_us(1000);
	kit_note_luck(bank_destroyed(bank)); /* none: it began later than thought, and waits for `later`, too */
	kit_sleep_us(50000);
	assert_int_equal(hl_u64_load_acquire(&bank->destroyed_of[1]), 0);
	keeper_leave(&later);
	assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
	assert_int_equal(bank_destroyed(bank), 2);
	bank_delete(bank);
}

/* ---- maps that grow, type-erased ------------------------------------------------------------------------ */

static void map_release(void *map, uint32_t id)
{
	grace_period_passed();
	atomic_hash_map_release(map, id);
}

/* Turns over many times as many entries as there are at a time; within one section nothing comes back. Returns the slabs. */
static size_t turn_over(int in_one_section)
{
	struct atomic_hash_map_urcu *const urcu = kit_zeroed_lines(sizeof(*urcu));
	const struct atomic_hash_map_config config = { .value_size = sizeof(struct account), .cells_count = 150,
						       .load_permille = 1000, .reuse = HASHLOOM_REUSE_ANY_KEY,
						       .retire = atomic_hash_map_urcu_retire, .retire_context = urcu };
	struct atomic_hash_map *map = NULL;
	size_t slabs;

	atomic_hash_map_urcu_init(urcu, &rcu_flavor, NULL);
	assert_int_equal(atomic_hash_map_create(100, &config, &map), HASHLOOM_OK);
	atomic_hash_map_urcu_attach_typed(urcu, map_release, map);
	section_begin();
	for (uint64_t key = 0; key < 300; key++) {
		const struct account account = account_of(key, 0);

		assert_int_equal(atomic_hash_map_insert(map, key, &account, NULL), 1);
		assert_int_equal(atomic_hash_map_erase(map, key), 1);
		if (!in_one_section && key % 10 == 9) {
			section_end();
			assert_int_equal(atomic_hash_map_urcu_flush(urcu), HASHLOOM_OK);
			section_begin();
		}
	}
	section_end();
	assert_int_equal(atomic_hash_map_size(map), 0);
	slabs = atomic_hash_map_slabs(map);
	assert_int_equal(atomic_hash_map_urcu_finish(urcu), HASHLOOM_OK);
	atomic_hash_map_destroy(map);
	free(urcu);
	return slabs;
}

static void test_urcu_B3_a_map_grows_while_cells_wait(void **state)
{
	(void)state;
	assert_int_equal(turn_over(1), 2);
	assert_int_equal(turn_over(0), 1);
}

/* ---- no memory ------------------------------------------------------------------------------------------ */

static void test_urcu_B2_no_memory_outside_a_section(void **state)
{
	struct bank *const bank = bank_make(150, 1);

	(void)state;
	kit_allocator_fail(&bank->allocator, 0, KIT_NO_FAILURE);
	assert_int_equal(bank_fill(bank, 1), 150);
	for (uint64_t key = 1; key <= 20; key++) {
		assert_int_equal(accounts_erase(&bank->accounts, key), 1);
		assert_int_equal(bank_destroyed(bank), key);
		assert_int_equal(bank_insert(bank, 1000 + key), 1);
	}
	assert_int_equal(atomic_hash_map_urcu_waiting(&bank->urcu), 0);
	assert_int_equal(hl_u64_load_relaxed(&bank->allocator.calls), 20);
	bank_delete(bank);
}

struct eraser {
	struct bank *bank;
	uint64_t key;
	size_t count;
	int in_section;
	hl_u32 done;
};

static void *eraser_run(void *arg)
{
	struct eraser *const eraser = arg;

	thread_begin();
	if (eraser->in_section)
		section_begin();
	for (size_t i = 0; i < eraser->count; i++)
		kit_expect(&eraser->bank->errors, accounts_erase(&eraser->bank->accounts, eraser->key + i) == 1);
	if (eraser->in_section)
		section_end();
	hl_u32_store_release(&eraser->done, 1);
	thread_end();
	return NULL;
}

static void test_urcu_B2_no_memory_outside_waits_for_readers(void **state)
{
	struct bank *const bank = bank_make(15, 1);
	struct eraser eraser = { bank, 1, 1, 0, { 0 } };
	struct keeper keeper;

	(void)state;
	kit_allocator_fail(&bank->allocator, 0, KIT_NO_FAILURE);
	assert_int_equal(bank_insert(bank, 1), 1);
	keeper_start(&keeper, bank);
	const pthread_t thread = kit_start(eraser_run, &eraser);

	kit_sleep_us(50000);
	assert_int_equal(bank_destroyed(bank), 0);
	assert_int_equal(hl_u32_load_acquire(&eraser.done), 0);
	keeper_leave(&keeper);
	kit_join(thread);
	assert_int_equal(bank_destroyed(bank), 1);
	bank_delete(bank);
}

/* Waits for memory, of which there is some later, and loses nothing. */
static void test_urcu_B2_no_memory_inside_a_section(void **state)
{
	static const uint64_t succeeding[] = { 0, 1, 2 };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(succeeding); i++) {
		struct bank *const bank = bank_make(600, 1);
		struct eraser eraser = { bank, 1, 600, 1, { 0 } };

		assert_int_equal(bank_fill(bank, 1), 600);
		kit_allocator_fail(&bank->allocator, succeeding[i], KIT_NO_FAILURE);
		const pthread_t thread = kit_start(eraser_run, &eraser);

		kit_sleep_us(50000);
		assert_int_equal(hl_u32_load_acquire(&eraser.done), 0);
		/* The callback was called for with the first id, which has a chunk of its own. */
		assert_true(atomic_hash_map_urcu_waiting(&bank->urcu) <= succeeding[i] * HL_AHU_IDS);
		assert_int_equal(bank_destroyed(bank), 0);
		kit_allocator_heal(&bank->allocator);
		kit_join(thread);
		assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
		assert_int_equal(bank_destroyed(bank), 600);
		assert_int_equal(bank_fill(bank, 1000), 600);
		bank_delete(bank);
	}
}

/* As many cells as were reserved wait at a time, without memory, again and again; whichever stripe the threads have. */
static void test_urcu_B2_reserved_erases_need_no_memory(void **state)
{
	static const size_t sizes[] = { 15, 120, 135, 1500, 3000 };

	(void)state;
	for (size_t i = 0; i < KIT_COUNT(sizes); i++) {
		struct bank *const bank = bank_make(sizes[i], 1);

		assert_int_equal(atomic_hash_map_urcu_reserve(&bank->urcu, sizes[i]), HASHLOOM_OK);
		const uint64_t blocks = kit_allocator_blocks(&bank->allocator);

		assert_int_equal(atomic_hash_map_urcu_reserve(&bank->urcu, 1), HASHLOOM_OK);
		kit_allocator_fail(&bank->allocator, 0, KIT_NO_FAILURE);
		for (uint64_t round = 0; round < 5; round++) {
			assert_int_equal(bank_fill(bank, 1), sizes[i]);
			section_begin();
			for (size_t key = 1; key <= sizes[i]; key++)
				assert_int_equal(accounts_erase(&bank->accounts, key), 1);
			assert_int_equal(atomic_hash_map_urcu_waiting(&bank->urcu), sizes[i]);
			section_end();
			assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
			assert_int_equal(bank_destroyed(bank), (round + 1) * sizes[i]);
		}
		assert_int_equal(kit_allocator_blocks(&bank->allocator), blocks);
		bank_delete(bank);
	}
}

static void test_urcu_reserve_without_memory(void **state)
{
	(void)state;
	for (uint64_t after = 0; after < 60; after += 7) {
		struct bank *const bank = bank_make(1500, 1);

		assert_int_equal(bank_fill(bank, 1), 1500);
		kit_allocator_fail(&bank->allocator, after, 1);
		assert_int_equal(atomic_hash_map_urcu_reserve(&bank->urcu, 1500), HASHLOOM_ERROR_NO_MEMORY);
		assert_int_equal(kit_allocator_blocks(&bank->allocator), after);
		bank_erase(bank, 1, 1500);
		assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
		assert_int_equal(bank_fill(bank, 1), 1500);
		assert_int_equal(atomic_hash_map_urcu_reserve(&bank->urcu, 1500), HASHLOOM_OK);
		bank_delete(bank);
	}
}

/* ---- many threads ----------------------------------------------------------------------------------------- */

#define ERASERS 2

static void test_urcu_B1_no_cell_is_lost(void **state)
{
	struct bank *const bank = bank_make(1200, 1);
	const unsigned rounds = KIT_REPEAT(100);

	(void)state;
	for (unsigned round = 0; round < rounds; round++) {
		struct eraser erasers[ERASERS];
		pthread_t threads[ERASERS];

		/* Other keys each time, so that cells go from one to another. */
		assert_int_equal(bank_fill(bank, round * 10000), 1200);
		for (unsigned i = 0; i < ERASERS; i++) {
			erasers[i] = (struct eraser){ bank, round * 10000 + i * 600, 600, 1, { 0 } };
			threads[i] = kit_start(eraser_run, &erasers[i]);
		}
		for (unsigned i = 0; i < ERASERS; i++)
			kit_join(threads[i]);
		assert_int_equal(atomic_hash_map_urcu_flush(&bank->urcu), HASHLOOM_OK);
		assert_int_equal(atomic_hash_map_urcu_waiting(&bank->urcu), 0);
		assert_int_equal(bank_destroyed(bank), (round + 1) * 1200);
		assert_int_equal(kit_allocator_blocks(&bank->allocator), 0);
	}
	bank_delete(bank);
}

#define RACE_KEYS 100
#define RACE_CELLS 1500 /* so many erases in a grace period, after which inserts wait for it */
#define RACE_KEPT 6
#define RACE_THREADS 2 /* of readers, and of writers */

struct race {
	struct bank *bank;
	hl_u32 stop;
	hl_u64 seeds;
	hl_u64 kept; /* addresses whose key was erased, and perhaps inserted again, before the section ended */
	hl_u64 wrong;
};

static void *race_write(void *arg)
{
	struct race *const race = arg;
	uint64_t random = hl_u64_fetch_add_relaxed(&race->seeds, 1);

	thread_begin();
	for (uint64_t stamp = 0; !hl_u32_load_relaxed(&race->stop); stamp++) {
		const uint64_t key = kit_random_below(&random, RACE_KEYS);

		rcu_thread_online();
		if (kit_random(&random) % 2)
			(void)accounts_erase(&race->bank->accounts, key);
		else
			(void)accounts_insert(&race->bank->accounts, key, account_of(key, stamp), NULL);
		rcu_thread_offline();
	}
	thread_end();
	return NULL;
}

static void race_read_section(struct race *race, uint64_t *random)
{
	const struct account *kept[RACE_KEPT];
	struct account seen[RACE_KEPT];

	for (unsigned i = 0; i < RACE_KEPT; i++) {
		const uint64_t key = kit_random_below(random, RACE_KEYS);

		kept[i] = accounts_find(&race->bank->accounts, key);
		if (kept[i] == NULL)
			continue;
		seen[i] = *kept[i];
		hl_u64_fetch_add_relaxed(&race->wrong, !account_is(&seen[i], key));
	}
	for (unsigned i = 0; i < 4; i++)
		sched_yield();
	for (unsigned i = 0; i < RACE_KEPT; i++) {
		if (kept[i] == NULL)
			continue;
		hl_u64_fetch_add_relaxed(&race->wrong, !kit_equal(kept[i], &seen[i], sizeof(seen[i])));
		hl_u64_fetch_add_relaxed(&race->kept, accounts_find(&race->bank->accounts, seen[i].key) != kept[i]);
	}
}

static void *race_read(void *arg)
{
	struct race *const race = arg;
	uint64_t random = hl_u64_fetch_add_relaxed(&race->seeds, 1);

	thread_begin();
	while (!hl_u32_load_relaxed(&race->stop)) {
		section_begin();
		race_read_section(race, &random);
		section_end();
	}
	thread_end();
	return NULL;
}

/* Until cells were recycled and so many addresses were kept over an erase, or one of them was wrong; the alarm is the bound. */
static void race_run(struct race *race, uint64_t kept)
{
	pthread_t threads[2 * RACE_THREADS];

	for (unsigned i = 0; i < RACE_THREADS; i++) {
		threads[i] = kit_start(race_read, race);
		threads[RACE_THREADS + i] = kit_start(race_write, race);
	}
	while ((hl_u64_load_relaxed(&race->kept) < kept || bank_destroyed(race->bank) <= RACE_CELLS) &&
	       hl_u64_load_relaxed(&race->wrong) == 0)
		kit_sleep_us(1000);
	hl_u32_store_relaxed(&race->stop, 1);
	for (unsigned i = 0; i < 2 * RACE_THREADS; i++)
		kit_join(threads[i]);
}

static void test_urcu_A1_readers_keep_addresses_while_cells_are_recycled(void **state)
{
	struct race race = { .bank = bank_make(RACE_CELLS, 1), .seeds = { kit_seed() } };

	(void)state;
	race_run(&race, KIT_REPEAT(500));
	assert_int_equal(hl_u64_load_relaxed(&race.wrong), 0);
	assert_true(bank_destroyed(race.bank) > RACE_CELLS);
	bank_delete(race.bank);
}

/* The test above can fail. It is a data race, which ThreadSanitizer would report. */
static void test_urcu_A1_control_readers_see_rubbish_without_grace_periods(void **state)
{
	(void)state;
#ifdef KIT_THREAD_SANITIZER
	skip();
#else
	struct race race = { .bank = bank_make(RACE_CELLS, 0), .seeds = { kit_seed() } };

	race_run(&race, UINT64_MAX);
	assert_true(hl_u64_load_relaxed(&race.wrong) > 0);
	bank_delete(race.bank);
#endif
}

/* Both erase, each its own keys, and flush: then all of theirs are released, whatever the other is doing. */
static void *flusher_run(void *arg)
{
	struct eraser *const eraser = arg;
	struct bank *const bank = eraser->bank;

	thread_begin();
	for (size_t round = 0; round < eraser->count; round++) {
		for (uint64_t key = eraser->key; key < eraser->key + 10; key++) {
			kit_expect(&bank->errors, bank_insert(bank, key) == 1);
			bank_erase(bank, key, 1);
		}
		kit_expect(&bank->errors, atomic_hash_map_urcu_flush(&bank->urcu) == HASHLOOM_OK);
		for (uint64_t key = eraser->key; key < eraser->key + 10; key++)
			kit_expect(&bank->errors, hl_u64_load_acquire(&bank->destroyed_of[key]) == round + 1);
	}
	thread_end();
	return NULL;
}

static void test_urcu_flush_waits_for_what_was_erased_before(void **state)
{
	struct bank *const bank = bank_make(150, 1);
	struct eraser erasers[4];
	pthread_t threads[4];

	(void)state;
	for (unsigned i = 0; i < KIT_COUNT(erasers); i++) {
		erasers[i] = (struct eraser){ bank, i * 10, KIT_REPEAT(20), 0, { 0 } };
		threads[i] = kit_start(flusher_run, &erasers[i]);
	}
	for (unsigned i = 0; i < KIT_COUNT(erasers); i++)
		kit_join(threads[i]);
	kit_assert_no_errors(&bank->errors);
	bank_delete(bank);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_urcu_usage),
		cmocka_unit_test(test_urcu_A1_B3_an_address_is_the_entrys_until_the_section_ends),
		cmocka_unit_test(test_urcu_A1_control_without_grace_periods_it_is_anothers),
		cmocka_unit_test(test_urcu_A1_destroy_value_runs_after_the_grace_period),
		cmocka_unit_test(test_urcu_A1_each_erase_has_its_own_grace_period),
		cmocka_unit_test(test_urcu_A1_readers_keep_addresses_while_cells_are_recycled),
		cmocka_unit_test(test_urcu_A1_control_readers_see_rubbish_without_grace_periods),
		cmocka_unit_test(test_urcu_A2_reserved_keys_are_not_retired),
		cmocka_unit_test(test_urcu_B1_cells_come_back_without_a_flush),
		cmocka_unit_test(test_urcu_B1_no_cell_is_lost),
		cmocka_unit_test(test_urcu_B2_no_memory_outside_a_section),
		cmocka_unit_test(test_urcu_B2_no_memory_outside_waits_for_readers),
		cmocka_unit_test(test_urcu_B2_no_memory_inside_a_section),
		cmocka_unit_test(test_urcu_B2_reserved_erases_need_no_memory),
		cmocka_unit_test(test_urcu_B3_a_map_grows_while_cells_wait),
		cmocka_unit_test(test_urcu_reserve_without_memory),
		cmocka_unit_test(test_urcu_flush_with_nothing),
		cmocka_unit_test(test_urcu_flush_and_finish_inside_a_section),
		cmocka_unit_test(test_urcu_flush_waits_for_what_was_erased_before),
		cmocka_unit_test(test_urcu_finish_without_a_map),
		cmocka_unit_test(test_urcu_clear_and_compact_after_a_flush),
	};

	thread_begin();
	const int failed = KIT_RUN(tests);

	thread_end();
	return failed;
}
