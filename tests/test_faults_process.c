/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * test_faults_process.c: a map that processes share, of which some are stopped, killed or forked while they use it (header, E.1 to E.3).
 *
 * The map lies in memory that was mapped as shared before fork(), so it has one address everywhere. Processes are stopped and killed at random
 * instructions, many times, and at chosen ones from inside of callbacks. What others see then must be right, and atomic_hash_map_check() must
 * name what was left. A call that waits for a dead process would wait for ever: the test's alarm is the bound.
 */
#include "faults_kit.h"

#include <hashloom/atomic_hash_array.h>

#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>

#define ARENA_SIZE ((size_t)1 << 30) /* of address space */
#define STOPS 30
#define KILLS 40

/* What the processes share. Blocks are never given back before all is. */
struct arena {
	hl_u64 used;
	struct hashloom_allocator hooks;
	hl_u32 is_armed; /* callbacks kill the process that is in them */
	hl_ptr value;	 /* where construct was when it died */
	struct fault_writer writer;
};

static struct arena *arena;

static void *arena_allocate(void *context, size_t size, size_t alignment, enum hashloom_alloc_content content)
{
	struct arena *const mine = context;
	const uint64_t room = hl_u64_fetch_add_relaxed(&mine->used, size + alignment);
	const uint64_t at = (room + alignment - 1) / alignment * alignment;

	(void)content;
	if (hl_u32_load_relaxed(&mine->is_armed))
		raise(SIGKILL);
	return at + size > ARENA_SIZE ? NULL : (char *)mine + at;
}

static void arena_release(void *context, void *memory, size_t size, size_t alignment)
{
	(void)context;
	(void)memory;
	(void)size;
	(void)alignment;
}

static void arena_open(void)
{
	arena = mmap(NULL, ARENA_SIZE, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	assert_ptr_not_equal(arena, MAP_FAILED);
	hl_u64_store_relaxed(&arena->used, sizeof(*arena));
	arena->hooks = (struct hashloom_allocator){ arena_allocate, arena_release, arena };
}

static void arena_close(void)
{
	assert_int_equal(munmap(arena, ARENA_SIZE), 0);
}

static struct atomic_hash_map_config config_of(int reuse)
{
	return (struct atomic_hash_map_config){ .value_size = 8, .reuse = (enum hashloom_reuse)reuse, .allocator = &arena->hooks };
}

/* A child that ends with the test, too, if that is killed. */
static pid_t start(void (*run)(void))
{
	const pid_t child = fork();

	assert_true(child >= 0);
	if (child == 0) {
		alarm(KIT_HANG_S);
		run();
		_exit(0);
	}
	return child;
}

static int wait_for(pid_t child)
{
	int status;

	assert_int_equal(waitpid(child, &status, 0), child);
	return status;
}

static void assert_killed(pid_t child)
{
	const int status = wait_for(child);

	assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
}

static void assert_ended(pid_t child)
{
	const int status = wait_for(child);

	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static void write_on(void)
{
	fault_write_on(&arena->writer);
}

/* ---- at random instructions ------------------------------------------------------------------------------- */

static void test_map_E1_a_stopped_process_holds_up_no_reader(void **state)
{
	uint64_t seed = kit_seed();
	uint64_t meetings = 0;

	(void)state;
	for (int number = 0; number < 6; number++) {
		arena_open();
		const struct atomic_hash_map_config config = config_of(number % 3);

		fault_open(&arena->writer, &config, number % 2, seed + (uint64_t)number);
		const pid_t child = start(write_on);

		for (unsigned i = 0; i < STOPS; i++) {
			int status;

			kit_sleep_us(50 + kit_random_below(&seed, 300));
			assert_int_equal(kill(child, SIGSTOP), 0);
			assert_int_equal(waitpid(child, &status, WUNTRACED), child);
			assert_true(WIFSTOPPED(status));
			fault_look(&arena->writer);
			meetings += (uint64_t)fault_is_in_the_middle(&arena->writer);
			assert_int_equal(kill(child, SIGCONT), 0);
		}
		hl_u32_store_relaxed(&arena->writer.must_end, 1);
		assert_ended(child);
		assert_true(hl_u64_load_relaxed(&arena->writer.operations) > STOPS);
		fault_look(&arena->writer);
		assert_int_equal(fault_is_in_the_middle(&arena->writer), 0);
		arena_close();
	}
	print_message("stopped in the middle of a call: %llu of %u times\n", (unsigned long long)meetings, 6 * STOPS);
	kit_note_luck(meetings);
}

/* What died leaves a map that finds right answers; and if a check finds nothing, one that takes all calls. */
static void test_map_E1_a_killed_process_leaves_what_check_reports(void **state)
{
	uint64_t seed = kit_seed();
	uint64_t meetings = 0;

	(void)state;
	for (unsigned i = 0; i < 3 * KILLS; i++) {
		arena_open();
		const struct atomic_hash_map_config config = config_of((int)(i % 3));
		struct fault_writer *const writer = &arena->writer;

		fault_open(writer, &config, (int)(i % 2), seed + i);
		const pid_t child = start(write_on);

		kit_sleep_us(300 + kit_random_below(&seed, 500));
		assert_int_equal(kill(child, SIGKILL), 0);
		assert_killed(child);
		fault_look(writer);
		if (fault_is_in_the_middle(writer)) {
			meetings++;
		} else {
			for (unsigned n = 0; n < 5000; n++)
				fault_write(writer);
			/* The key that the dead one was at may be there, and be there no more, without our knowing: all others are known. */
			assert_int_equal(fault_is_in_the_middle(writer), 0);
		}
		arena_close();
	}
	print_message("killed in the middle of a call: %llu of %u times\n", (unsigned long long)meetings, 3 * KILLS);
	kit_note_luck(meetings);
}

/* ---- at chosen instructions -------------------------------------------------------------------------------- */

/* Keys of one class have one home, and those of others have others, also in further slabs: 64 classes. */
#define CLASSES 64
#define DEAD_CLASS 7
#define DEAD_KEY (UINT64_C(5) * CLASSES + DEAD_CLASS)

static uint64_t hash_by_class(uint64_t key)
{
	return key % CLASSES << 58 | UINT64_C(1) << 57 | (hl_aha_hash(key) & 0xffffffff);
}

static void die_if_armed(void)
{
	if (hl_u32_load_relaxed(&arena->is_armed))
		raise(SIGKILL);
}

static int construct_and_die(void *value, void *argument)
{
	(void)argument;
	hl_ptr_store_relaxed(&arena->value, value);
	raise(SIGKILL);
	return 0;
}

static int equal_and_die(uint64_t a, uint64_t b)
{
	die_if_armed();
	return a == b;
}

static void destroy_and_die(void *context, void *value)
{
	(void)context;
	hl_ptr_store_relaxed(&arena->value, value);
	die_if_armed();
}

static void emplace_dead_key(void)
{
	(void)atomic_hash_map_emplace(arena->writer.map, DEAD_KEY, construct_and_die, NULL, NULL);
}

static void insert_dead_key(void)
{
	const uint64_t value = fault_value(DEAD_KEY);

	(void)atomic_hash_map_insert(arena->writer.map, DEAD_KEY, &value, NULL);
}

static void erase_dead_key(void)
{
	(void)atomic_hash_map_erase(arena->writer.map, DEAD_KEY);
}

static void lock_dead_key(void)
{
	hl_ptr_store_relaxed(&arena->value, atomic_hash_map_lock(arena->writer.map, DEAD_KEY));
	raise(SIGKILL);
}

static void insert_others(uint64_t begin, uint64_t end)
{
	for (uint64_t key = begin; key < end; key++) {
		const uint64_t value = fault_value(key);

		if (key % CLASSES != DEAD_CLASS)
			assert_int_equal(atomic_hash_map_insert(arena->writer.map, key, &value, NULL), 1);
	}
}

/* All keys that insert_others() has inserted are found, with their values, and iterated over; `more` are there besides. */
static void find_others(uint64_t end, size_t more)
{
	uint64_t position = 0;
	uint64_t key;
	size_t seen = 0;

	for (key = 0; key < end; key++) {
		const uint64_t *const value = atomic_hash_map_find(arena->writer.map, key);

		assert_true(key % CLASSES == DEAD_CLASS || (value != NULL && *value == fault_value(key)));
	}
	while (atomic_hash_map_next(arena->writer.map, &position, &key) != NULL)
		seen++;
	assert_int_equal(seen, end - (end + CLASSES - 1 - DEAD_CLASS) / CLASSES + more);
}

static void change_others(uint64_t end)
{
	for (uint64_t key = 0; key < end; key++) {
		const uint64_t value = fault_value(key);

		if (key % CLASSES == DEAD_CLASS)
			continue;
		assert_int_equal(atomic_hash_map_store(arena->writer.map, key, &value), 1);
		assert_int_equal(atomic_hash_map_erase(arena->writer.map, key), 1);
		assert_int_equal(atomic_hash_map_insert(arena->writer.map, key, &value, NULL), 1);
	}
}

/* A call that the dead process keeps from ending: it has not ended after a while. */
static void assert_waits(void (*run)(void))
{
	const pid_t child = start(run);
	int status;

	kit_sleep_us(20000);
	assert_int_equal(waitpid(child, &status, WNOHANG), 0);
	assert_int_equal(kill(child, SIGKILL), 0);
	assert_killed(child);
}

/* Lets a child die in `run`, and gives what a check reports. */
static struct atomic_hash_map_report after_a_death(void (*run)(void))
{
	struct atomic_hash_map_report report;

	assert_int_equal(atomic_hash_map_check(arena->writer.map, &report), 0);
	hl_u32_store_relaxed(&arena->is_armed, run != emplace_dead_key);
	assert_killed(start(run));
	hl_u32_store_relaxed(&arena->is_armed, 0);
	assert_int_equal(atomic_hash_map_check(arena->writer.map, &report), 1);
	return report;
}

static void classes_open(const struct atomic_hash_map_config *given)
{
	struct atomic_hash_map_config config = *given;

	config.hash = hash_by_class;
	assert_int_equal(atomic_hash_map_create(4000, &config, &arena->writer.map), HASHLOOM_OK);
	insert_others(0, 500);
}

static uint32_t dead_id(void)
{
	return atomic_hash_map_id(arena->writer.map, hl_ptr_load_relaxed(&arena->value));
}

static void test_map_E1_death_between_claim_and_publish(void **state)
{
	(void)state;
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		arena_open();
		const struct atomic_hash_map_config config = config_of(reuse);

		classes_open(&config);
		const struct atomic_hash_map_report report = after_a_death(emplace_dead_key);

		assert_int_equal(report.claimed.count, 1);
		assert_int_equal(report.claimed.first, dead_id());
		assert_int_equal(report.home_locks, 0);
		assert_int_equal(report.size, report.entries);
		assert_null(atomic_hash_map_find(arena->writer.map, DEAD_KEY));
		assert_null(atomic_hash_map_at(arena->writer.map, dead_id(), NULL));
		assert_int_equal(atomic_hash_map_erase(arena->writer.map, DEAD_KEY), 0);
		assert_waits(insert_dead_key);
		change_others(500);
		insert_others(500, 1000);
		find_others(1000, 0);
		arena_close();
	}
}

static void test_array_death_between_claim_and_publish(void **state)
{
	struct atomic_hash_map_report report;
	struct atomic_hash_array *array;

	(void)state;
	arena_open();
	const struct atomic_hash_array_config config = { .value_size = 8, .allocator = &arena->hooks };

	assert_int_equal(atomic_hash_array_create(100, &config, &array), HASHLOOM_OK);
	assert_int_equal(atomic_hash_array_check(array, &report), 0);
	arena->writer.map = atomic_hash_array_as_map(array);
	assert_killed(start(emplace_dead_key));
	assert_int_equal(atomic_hash_array_check(array, &report), 1);
	assert_int_equal(report.claimed.count, 1);
	assert_int_equal(report.claimed.first, dead_id());
	arena_close();
}

static void test_map_E1_death_under_the_lock_of_a_group(void **state)
{
	(void)state;
	for (int reuse = HASHLOOM_REUSE_ANY_KEY; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		arena_open();
		struct atomic_hash_map_config config = config_of(reuse);

		config.equal = equal_and_die;
		classes_open(&config);
		insert_dead_key();
		const struct atomic_hash_map_report report = after_a_death(insert_dead_key);

		assert_int_equal(report.home_locks, 1);
		assert_int_equal(report.claimed.count, 0);
		assert_int_equal(report.claimed.first, UINT32_MAX);
		assert_non_null(atomic_hash_map_find(arena->writer.map, DEAD_KEY));
		assert_waits(erase_dead_key);
		change_others(500);
		insert_others(500, 1000);
		find_others(1000, 1);
		arena_close();
	}
}

static void test_map_E1_death_in_the_end_of_an_erase(void **state)
{
	arena_open();
	struct atomic_hash_map_config config = config_of(HASHLOOM_REUSE_ANY_KEY);

	(void)state;
	config.destroy_value = destroy_and_die;
	classes_open(&config);
	insert_dead_key();
	const struct atomic_hash_map_report report = after_a_death(erase_dead_key);

	assert_int_equal(report.unreleased.count, 1);
	assert_int_equal(report.unreleased.first, dead_id());
	/* Nobody waits for that. The cell is lost. */
	insert_dead_key();
	change_others(500);
	find_others(500, 1);
	arena_close();
}

static void test_map_E1_death_under_the_lock_of_a_cell(void **state)
{
	(void)state;
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		arena_open();
		struct atomic_hash_map_config config = config_of(reuse);

		config.has_locks = 1;
		classes_open(&config);
		insert_dead_key();
		const struct atomic_hash_map_report report = after_a_death(lock_dead_key);

		assert_int_equal(report.cell_locks.count, 1);
		assert_int_equal(report.cell_locks.first, dead_id());
		assert_non_null(atomic_hash_map_find(arena->writer.map, DEAD_KEY));
		assert_waits(erase_dead_key);
		change_others(500);
		find_others(500, 1);
		arena_close();
	}
}

/* B.2: the others go on until halfway from the load factor to full. */
static void insert_until_growth(void)
{
	for (uint64_t key = 0;; key++) {
		const uint64_t value = fault_value(key);

		(void)atomic_hash_map_insert(arena->writer.map, key, &value, NULL);
		hl_u64_store_relaxed(&arena->writer.grown, key);
	}
}

static void find_grown(uint64_t count)
{
	for (uint64_t key = 0; key < count; key++)
		assert_int_equal(*(uint64_t *)atomic_hash_map_find(arena->writer.map, key), fault_value(key));
}

static void test_map_E1_death_of_the_one_that_makes_a_slab(void **state)
{
	struct atomic_hash_map_report report;

	(void)state;
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		arena_open();
		const struct atomic_hash_map_config config = config_of(reuse);

		assert_int_equal(atomic_hash_map_create(4000, &config, &arena->writer.map), HASHLOOM_OK);
		hl_u32_store_relaxed(&arena->is_armed, 1);
		assert_killed(start(insert_until_growth));
		hl_u32_store_relaxed(&arena->is_armed, 0);
		const uint64_t there = hl_u64_load_relaxed(&arena->writer.grown) + 1;
		const uint64_t cells = atomic_hash_map_capacity(arena->writer.map);

		assert_int_equal(atomic_hash_map_check(arena->writer.map, &report), 1);
		assert_true(report.is_growing);
		assert_int_equal(report.entries, there);
		assert_int_equal(report.claimed.count + report.home_locks, 0);
		for (uint64_t key = there; key < cells * 88 / 100; key++) {
			const uint64_t value = fault_value(key);

			assert_int_equal(atomic_hash_map_insert(arena->writer.map, key, &value, NULL), 1);
		}
		find_grown(cells * 88 / 100);
		assert_waits(insert_until_growth);
		assert_int_equal(atomic_hash_map_compact(arena->writer.map, 2 * cells), HASHLOOM_OK);
		assert_int_equal(atomic_hash_map_check(arena->writer.map, &report), 0);
		find_grown(cells * 88 / 100);
		arena_close();
	}
}

/* ---- processes that share a map ----------------------------------------------------------------------------- */

#define SHARERS 3
#define SHARED_KEYS 3000

static unsigned sharer;

/* Inserts and erases keys of its own, whose answers it knows, and adds to a number that all add to. */
static void share(void)
{
	struct atomic_hash_map *const map = arena->writer.map;

	for (uint64_t n = 0; n < (uint64_t)4 * SHARED_KEYS; n++) {
		const uint64_t key = n % SHARED_KEYS * SHARERS + sharer + 1;
		const uint64_t value = fault_value(key);
		const int is_odd_turn = n / SHARED_KEYS % 2 == 1;

		if ((is_odd_turn ? atomic_hash_map_erase(map, key) : atomic_hash_map_insert(map, key, &value, NULL)) != 1)
			_exit(1);
		if (n % SHARED_KEYS < 100 && is_odd_turn && atomic_hash_map_insert(map, key, &value, NULL) != 1)
			_exit(2);
		if (n % SHARED_KEYS < 100 && is_odd_turn && n < (uint64_t)2 * SHARED_KEYS && atomic_hash_map_erase(map, key) != 1)
			_exit(3);
		if (atomic_hash_map_fetch_add(map, 0, 1, NULL) != 1)
			_exit(4);
	}
}

static void test_map_E3_processes_share_a_map(void **state)
{
	const uint64_t zero = 0;
	struct atomic_hash_map_report report;
	pid_t children[SHARERS];

	(void)state;
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		arena_open();
		const struct atomic_hash_map_config config = config_of(reuse);

		assert_int_equal(atomic_hash_map_create(100, &config, &arena->writer.map), HASHLOOM_OK);
		assert_int_equal(atomic_hash_map_insert(arena->writer.map, 0, &zero, NULL), 1);
		for (sharer = 0; sharer < SHARERS; sharer++)
			children[sharer] = start(share);
		for (unsigned i = 0; i < SHARERS; i++)
			assert_ended(children[i]);
		assert_int_equal(atomic_hash_map_check(arena->writer.map, &report), 0);
		assert_int_equal(report.entries, 100 * SHARERS + 1);
		assert_int_equal(*(uint64_t *)atomic_hash_map_find(arena->writer.map, 0), 4 * SHARED_KEYS * SHARERS);
		assert_true(atomic_hash_map_slabs(arena->writer.map) > 1);
		arena_close();
	}
}

/* ---- fork --------------------------------------------------------------------------------------------------- */

static void *write_in_thread(void *arg)
{
	fault_write_on(arg);
	return NULL;
}

/* The child of a fork sees of a private map what the parent had at that moment. */
static void test_map_E2_fork_while_a_thread_writes(void **state)
{
	uint64_t seed = kit_seed();
	uint64_t meetings = 0;

	(void)state;
	for (unsigned i = 0; i < 60; i++) {
		const struct atomic_hash_map_config config = { .value_size = 8, .reuse = (enum hashloom_reuse)(i % 3) };
		struct fault_writer writer;

		fault_open(&writer, &config, (int)(i % 2), seed + i);
		const pthread_t thread = kit_start(write_in_thread, &writer);

		kit_sleep_us(100 + kit_random_below(&seed, 500));
		const pid_t child = fork();

		if (child == 0) {
			alarm(KIT_HANG_S);
			fault_look(&writer);
			_exit(fault_is_in_the_middle(&writer) ? 77 : 0);
		}
		const int status = wait_for(child);

		assert_true(WIFEXITED(status) && (WEXITSTATUS(status) == 0 || WEXITSTATUS(status) == 77));
		meetings += WEXITSTATUS(status) == 77;
		hl_u32_store_relaxed(&writer.must_end, 1);
		kit_join(thread);
		fault_look(&writer);
		assert_int_equal(fault_is_in_the_middle(&writer), 0);
		atomic_hash_map_destroy(writer.map);
	}
	print_message("forked in the middle of a call: %llu of 60 times\n", (unsigned long long)meetings);
	kit_note_luck(meetings);
}

static void test_map_E2_the_child_writes_when_no_thread_did(void **state)
{
	(void)state;
	for (int reuse = HASHLOOM_REUSE_NEVER; reuse <= HASHLOOM_REUSE_SAME_KEY; reuse++) {
		const struct atomic_hash_map_config config = { .value_size = 8, .reuse = (enum hashloom_reuse)reuse };
		struct fault_writer writer;

		fault_open(&writer, &config, 0, 1);
		const pid_t child = fork();

		for (unsigned n = 0; n < (child == 0 ? 20000U : 10000U); n++)
			fault_write(&writer);
		fault_look(&writer);
		assert_int_equal(fault_is_in_the_middle(&writer), 0);
		atomic_hash_map_destroy(writer.map);
		if (child == 0)
			_exit(0);
		assert_ended(child);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_map_E1_a_stopped_process_holds_up_no_reader),
		cmocka_unit_test(test_map_E1_a_killed_process_leaves_what_check_reports),
		cmocka_unit_test(test_map_E1_death_between_claim_and_publish),
		cmocka_unit_test(test_array_death_between_claim_and_publish),
		cmocka_unit_test(test_map_E1_death_under_the_lock_of_a_group),
		cmocka_unit_test(test_map_E1_death_in_the_end_of_an_erase),
		cmocka_unit_test(test_map_E1_death_under_the_lock_of_a_cell),
		cmocka_unit_test(test_map_E1_death_of_the_one_that_makes_a_slab),
		cmocka_unit_test(test_map_E3_processes_share_a_map),
		cmocka_unit_test(test_map_E2_fork_while_a_thread_writes),
		cmocka_unit_test(test_map_E2_the_child_writes_when_no_thread_did),
	};

	return KIT_RUN(tests);
}
