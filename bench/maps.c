/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * maps.c: hash maps from 64-bit keys to 64-bit values, ours and others', through the same loops (map_workloads.h).
 *
 * n is the number of entries, for which each map is made in advance. ns are wall nanoseconds per operation of each
 * thread: with two threads twice as many operations are done in that time.
 *
 * map_insert        n new keys into a fresh map, page faults included
 * map_find_hit      finds of random present keys (map_find_miss: of absent ones), independent of each other
 * map_dependent     finds whose key is the value found before: latency
 * map_batch_hit     64 keys in one call (map_batch_miss); also map_insert_batch and map_erase_batch
 * map_erase         present keys in random order
 * map_mixed_uniform 90 % finds, 5 % inserts, 5 % erases, of 2 n keys, half of them there (map_mixed_zipf: Zipf, 0.99)
 * map_iterate       over all entries, ns per entry
 * map_grown8_hit    finds in a map that was made for n / 8 entries (map_grown8_miss, map_grown1000_hit, ..._miss)
 * map_grow_p9999    of the times of single inserts while a map grows from n / 1000 entries to n: the 99.99th percentile
 * map_grow_max      their maximum
 *
 * Keys come from a seeded generator and are ready before the clock starts. One case is one map of one size; each of its
 * repetitions builds the map anew.
 */
#include <hashloom/atomic.h>

#include <malloc.h>
#include <math.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench.h"
#include "maps.h"

#define THREADS 2
#define SIZES 3
#define ABSL_BYTES_PER_CELL 17.0
#define OURS_BYTES_PER_ENTRY ((16.0 + 16.0 / 15.0) / 0.8)
#define ZIPF 0.99
#define MEASUREMENT_SECONDS 20 /* by the slowest, undisturbed: 6 */

/* ---- the implementations -------------------------------------------------------------------------- */

/* Weak: the address of one that was not built is NULL. */
#define IMPLEMENTATIONS(X)                                                                         \
	X(hashloom, "hashloom")                                                                    \
	X(hashloom_any_key, "hashloom any_key")                                                    \
	X(hashloom_erased, "hashloom type-erased")                                                 \
	X(reference, "reference")                                                                  \
	X(machine, "machine")                                                                      \
	X(absl, "absl::flat_hash_map (libabsl-dev)")                                               \
	X(tbb, "tbb::concurrent_hash_map (libtbb-dev)")                                            \
	X(cuckoo, "libcuckoo (libcuckoo-dev)")                                                     \
	X(urcu, "liburcu lfht (liburcu-dev)")                                                      \
	X(ck_ht, "ck_ht (libck-dev)")                                                              \
	X(ck_hs, "ck_hs (libck-dev)")                                                              \
	X(dpdk, "DPDK rte_hash (libdpdk-dev)")                                                     \
	X(cds, "libcds Feldman (libcds-dev)")                                                      \
	X(glib, "GHashTable (libglib2.0-dev)")                                                     \
	X(folly, "folly::AtomicHashMap")                                                           \
	X(boost, "boost::concurrent_flat_map (boost 1.83 or later)")                               \
	X(parlay, "parlayhash")

#define DECLARE(id, description) extern const struct map_bench map_bench_##id __attribute__((weak));
IMPLEMENTATIONS(DECLARE)
#undef DECLARE

#define ADDRESS(id, description) &map_bench_##id,
static const struct map_bench *const implementations[] = { IMPLEMENTATIONS(ADDRESS) };
#undef ADDRESS

#define DESCRIPTION(id, description) description,
static const char *const descriptions[] = { IMPLEMENTATIONS(DESCRIPTION) };
#undef DESCRIPTION

#define IMPLEMENTATIONS_COUNT (sizeof(implementations) / sizeof(implementations[0]))

const char *const *bench_maps_left_out(void)
{
	static const char *lacking[IMPLEMENTATIONS_COUNT + 1];
	size_t count = 0;

	for (size_t i = 0; i < IMPLEMENTATIONS_COUNT; i++) {
		if (implementations[i] == NULL)
			lacking[count++] = descriptions[i];
	}
	lacking[count] = NULL;
	return lacking;
}

/* ---- keys ----------------------------------------------------------------------------------------- */

/* What is done with a map, each for itself: fill it, look and mix; fill it by threads, erase; ... */
enum part { FILLED, ERASED, BATCHES, GROWN1000, GROWN8, PARTS };

static const char *const part_names[PARTS] = { "filling and finding", "filling and erasing", "batches",
					       "growth from a thousandth", "growth from an eighth" };

/* How much is done with maps of one size. */
struct plan {
	size_t n;
	size_t finds;	      /* operations of one measurement */
	unsigned builds;      /* maps filled for one measurement of inserts and erases */
	unsigned repeats;     /* of the finds, for each map built */
	unsigned repetitions; /* 0: the harness's number */
	/* An implementation that has taken so long in all is not given more rounds of a part than these. */
	double seconds;
	unsigned rounds_least[PARTS];
};

struct data {
	struct plan plan;
	uint64_t *keys;	  /* 2 n; the first n get into the map, whose values are the keys in a circle */
	uint64_t *values; /* n */
	uint64_t *hits;
	uint64_t *misses;
	uint64_t *erases; /* distinct */
	size_t erases_count;
	uint64_t *mixed_keys[2]; /* uniform, Zipf */
	uint8_t *mixed_operations;
};

/* SplitMix64 gives distinct numbers for distinct places; the few that some map reserves are left out. */
static uint64_t key_at(uint64_t place)
{
	uint64_t state = UINT64_C(20260101) + place * UINT64_C(0x9e3779b97f4a7c15);
	const uint64_t key = bench_random(&state);

	return key < 16 || key > UINT64_MAX - 16 ? place + 16 : key;
}

static uint64_t *numbers_new(size_t count)
{
	return bench_allocate(count * sizeof(uint64_t));
}

static size_t random_below(uint64_t *seed, size_t limit)
{
	return (size_t)((bench_random(seed) >> 32) * limit >> 32);
}

/* Makes the values: each is the key of another entry, and all are one circle (Sattolo). */
static void make_circle(struct data *data, uint64_t *seed)
{
	memcpy(data->values, data->keys, data->plan.n * sizeof(uint64_t));
	for (size_t i = data->plan.n - 1; i > 0; i--) {
		const size_t other = random_below(seed, i);
		const uint64_t swapped = data->values[i];

		data->values[i] = data->values[other];
		data->values[other] = swapped;
	}
}

/* Distinct present keys in random order. */
static void make_erases(struct data *data, uint64_t *seed)
{
	const size_t n = data->plan.n;
	uint64_t *const shuffled = numbers_new(n);

	memcpy(shuffled, data->keys, n * sizeof(uint64_t));
	for (size_t i = 0; i < data->erases_count; i++) {
		const size_t other = i + random_below(seed, n - i);

		data->erases[i] = shuffled[other];
		shuffled[other] = shuffled[i];
	}
	free(shuffled);
}

static double zeta(size_t n)
{
	const size_t exact = n < 1000 ? n : 1000;
	double sum = 0;

	for (size_t i = 1; i <= exact; i++)
		sum += pow((double)i, -ZIPF);
	/* the rest by its integral */
	return sum + (pow((double)n + 0.5, 1 - ZIPF) - pow((double)exact + 0.5, 1 - ZIPF)) / (1 - ZIPF);
}

/* Ranks with Zipf's distribution (Gray and others, 1994), of which every other is at first present. */
static void make_zipf(struct data *data, uint64_t *seed)
{
	const size_t n = 2 * data->plan.n;
	const double zeta_n = zeta(n);
	const double alpha = 1 / (1 - ZIPF);
	const double eta = (1 - pow(2.0 / (double)n, 1 - ZIPF)) / (1 - zeta(2) / zeta_n);

	for (size_t i = 0; i < data->plan.finds; i++) {
		const double u = (double)(bench_random(seed) >> 11) / 9007199254740992.0;
		const double uz = u * zeta_n;
		size_t rank = 0;

		if (uz >= 1 + pow(0.5, ZIPF))
			rank = (size_t)((double)n * pow(eta * u - eta + 1, alpha));
		else if (uz >= 1)
			rank = 1;
		rank = rank < n ? rank : n - 1;
		data->mixed_keys[1][i] = data->keys[rank / 2 + (rank % 2) * data->plan.n];
	}
}

static void make_operations(struct data *data, uint64_t *seed)
{
	for (size_t i = 0; i < data->plan.finds; i++) {
		const size_t dice = random_below(seed, 100);

		data->mixed_operations[i] = dice < 90 ? MAP_FIND : dice < 95 ? MAP_INSERT : MAP_ERASE;
		data->mixed_keys[0][i] = data->keys[random_below(seed, 2 * data->plan.n)];
	}
}

static void data_make(struct data *data)
{
	const size_t n = data->plan.n;
	const size_t finds = data->plan.finds;
	uint64_t seed = 42;

	data->keys = numbers_new(2 * n);
	data->values = numbers_new(n);
	data->hits = numbers_new(finds);
	data->misses = numbers_new(finds);
	data->erases_count = n < 2 * finds ? n : 2 * finds;
	data->erases = numbers_new(data->erases_count);
	data->mixed_keys[0] = numbers_new(finds);
	data->mixed_keys[1] = numbers_new(finds);
	data->mixed_operations = bench_allocate(finds);
	for (size_t i = 0; i < 2 * n; i++)
		data->keys[i] = key_at(i);
	for (size_t i = 0; i < finds; i++) {
		data->hits[i] = data->keys[random_below(&seed, n)];
		data->misses[i] = key_at(2 * n + i);
	}
	make_circle(data, &seed);
	make_erases(data, &seed);
	make_operations(data, &seed);
	make_zipf(data, &seed);
}

/* ---- one measurement ------------------------------------------------------------------------------ */

/* One map of one size. */
struct session {
	const struct map_bench *map;
	const char *name;
	const char *name_plain; /* for dependent finds without find_near, if there is that */
	struct data *data;
	double room; /* made for this many times n entries */
	double bytes_per_entry;
	double spent; /* seconds, in all and by the last round of each part */
	double spent_by[PARTS];
	unsigned rounds[PARTS];
	enum part part;	   /* that runs */
	int is_late[PARTS]; /* a measurement took too long: nothing more is recorded of this part */
};

struct runner {
	const struct session *session;
	void *map;
	map_loop loop;
	struct map_work work;
	hl_u32 *ready; /* threads that wait for the others */
	unsigned threads;
	size_t done;
	uint64_t begin;
	uint64_t end;
};

static void *run_one(void *opaque)
{
	struct runner *const runner = opaque;

	hl_u32_fetch_add_release(runner->ready, 1);
	while (hl_u32_load_acquire(runner->ready) < runner->threads)
		hl_relax();
	runner->begin = bench_now_ns();
	runner->done = runner->loop(runner->map, &runner->work);
	runner->end = bench_now_ns();
	return NULL;
}

static void *run_other_thread(void *opaque)
{
	const struct map_bench *const map = ((struct runner *)opaque)->session->map;

	if (map->thread_enter != NULL)
		map->thread_enter();
	run_one(opaque);
	if (map->thread_leave != NULL)
		map->thread_leave();
	return NULL;
}

/* The share of one thread in the work. */
static struct map_work share(const struct map_work *work, unsigned threads, unsigned i)
{
	const size_t from = work->count / threads * i;
	struct map_work part = *work;

	part.count = work->count / threads;
	part.keys += from;
	part.values += work->values != NULL ? from : 0;
	part.operations += work->operations != NULL ? from : 0;
	return part;
}

static void set_late(struct session *session)
{
	if (!session->is_late[session->part])
		fprintf(stderr, "\nleft out, because it takes more than %d s: %s of %s %zu\n", MEASUREMENT_SECONDS,
			part_names[session->part], session->name, session->data->plan.n);
	session->is_late[session->part] = 1;
}

/*
 * Wall nanoseconds per operation of each thread; *done, unless NULL: operations that succeeded. After MEASUREMENT_SECONDS it ends, and the
 * session's part is late: others' locks may go from one thread to the other so slowly that 10^7 operations would take minutes.
 */
static double measure(struct session *session, void *map, map_loop loop, const struct map_work *work,
		      unsigned threads, size_t *done)
{
	struct runner runners[THREADS];
	pthread_t others[THREADS];
	const uint64_t end_ns = bench_now_ns() + MEASUREMENT_SECONDS * UINT64_C(1000000000);
	hl_u32 ready = { 0 };

	for (unsigned i = 0; i < threads; i++) {
		runners[i] = (struct runner){ .session = session, .map = map, .loop = loop, .ready = &ready };
		runners[i].threads = threads;
		runners[i].work = share(work, threads, i);
		runners[i].work.end_ns = end_ns;
	}
	for (unsigned i = 1; i < threads; i++) {
		if (pthread_create(&others[i], NULL, run_other_thread, &runners[i]) != 0)
			bench_fail("pthread_create");
	}
	run_one(&runners[0]);
	uint64_t begin = runners[0].begin;
	uint64_t end = runners[0].end;
	size_t sum = runners[0].done;
	for (unsigned i = 1; i < threads; i++) {
		pthread_join(others[i], NULL);
		begin = runners[i].begin < begin ? runners[i].begin : begin;
		end = runners[i].end > end ? runners[i].end : end;
		sum += runners[i].done;
	}
	if (done != NULL)
		*done = sum;
	if (end > end_ns)
		set_late(session);
	return (double)(end - begin) / ((double)work->count / threads);
}

static int is_wanted(const struct session *session, const char *bench)
{
	return bench_selected(bench, session->name);
}

static void record_as(const struct session *session, const char *name, const char *bench, unsigned threads, double ns)
{
	const struct bench_result result = { bench, name, session->data->plan.n, threads, session->bytes_per_entry };

	if (!session->is_late[session->part])
		bench_record(&result, ns);
}

static void record(const struct session *session, const char *bench, unsigned threads, double ns)
{
	record_as(session, session->name, bench, threads, ns);
}

#define ANY_NUMBER SIZE_MAX

static void expect(const struct session *session, const char *bench, size_t done, size_t expected)
{
	if (expected == ANY_NUMBER || done == expected || session->is_late[session->part])
		return;
	fprintf(stderr, "%s, %s: %zu operations succeeded, not %zu\n", session->name, bench, done, expected);
	bench_fail("a map gave a wrong answer");
}

/* Measures and records, if that is wanted and possible. expected: how many operations succeed, or ANY_NUMBER. */
static void measure_finds(struct session *session, void *map, const char *bench, map_loop loop,
			  const struct map_work *work, unsigned threads, size_t expected)
{
	const unsigned repeats = work->count > session->data->plan.finds ? 1 : session->data->plan.repeats;

	if (loop == NULL || !is_wanted(session, bench))
		return;
	for (unsigned i = 0; i < repeats; i++) {
		size_t done;
		const double ns = measure(session, map, loop, work, threads, &done);

		expect(session, bench, done, expected);
		record(session, bench, threads, ns);
	}
}

/* ---- memory --------------------------------------------------------------------------------------- */

struct memory {
	size_t in_use;	/* of what malloc has */
	size_t by_malloc;
	size_t all; /* private memory that can be written */
};

static struct memory memory_now(void)
{
	const struct mallinfo2 info = mallinfo2();
	FILE *const file = fopen("/proc/self/statm", "r");
	size_t pages = 0;

	if (file != NULL) {
		if (fscanf(file, "%*u %*u %*u %*u %*u %zu", &pages) != 1)
			pages = 0;
		fclose(file);
	}
	return (struct memory){ info.uordblks + info.hblkhd, info.arena + info.hblkhd,
				pages * (size_t)sysconf(_SC_PAGESIZE) };
}

/* What came since: through malloc, and past it. */
static size_t memory_since(const struct memory *before)
{
	const struct memory now = memory_now();

	return now.in_use - before->in_use + (now.all - now.by_malloc) - (before->all - before->by_malloc);
}

/* ---- whole maps ----------------------------------------------------------------------------------- */

static void *checked(void *map)
{
	if (map == NULL)
		bench_fail("a map could not be made");
	return map;
}

static void *map_new(const struct session *session)
{
	return checked(session->map->create((size_t)((double)session->data->plan.n * session->room)));
}

static struct map_work inserts_of(const struct data *data)
{
	return (struct map_work){ .keys = data->keys, .values = data->values, .count = data->plan.n };
}

static struct map_work finds_of(const struct data *data, const uint64_t *keys)
{
	return (struct map_work){ .keys = keys, .count = data->plan.finds };
}

/* A map with n entries, the last of some; records what the inserts took, and how many bytes. */
static void *map_filled(struct session *session)
{
	const struct map_work work = inserts_of(session->data);
	const size_t n = session->data->plan.n;
	struct memory before;
	void *map = NULL;
	double ns = 0;

	for (unsigned i = 0; i < session->data->plan.builds; i++) {
		size_t done;

		if (map != NULL)
			session->map->destroy(map);
		before = memory_now();
		map = map_new(session);
		ns += measure(session, map, session->map->insert, &work, 1, &done);
		expect(session, "map_insert", done, n);
	}
	const size_t bytes = session->map->bytes != NULL ? session->map->bytes(map) : memory_since(&before);
	session->bytes_per_entry = (double)bytes / (double)n;
	record(session, "map_insert", 1, ns / session->data->plan.builds);
	return map;
}

static void measure_dependent(struct session *session, void *map)
{
	const struct map_work work = finds_of(session->data, session->data->keys);
	const struct map_bench *const own = session->map;
	struct session plain = *session;

	if (own->find_near == NULL) {
		measure_finds(session, map, "map_dependent", own->find_dependent, &work, 1, work.count);
		return;
	}
	measure_finds(session, map, "map_dependent", own->find_near, &work, 1, work.count);
	plain.name = session->name_plain;
	measure_finds(&plain, map, "map_dependent", own->find_dependent, &work, 1, work.count);
}

static void measure_mixed(struct session *session, void *map)
{
	static const char *const benches[] = { "map_mixed_uniform", "map_mixed_zipf" };
	const struct data *const data = session->data;
	const unsigned threads_max = session->map->traits & MAP_SHARED ? THREADS : 1;

	for (unsigned threads = 1; threads <= threads_max; threads++) {
		for (unsigned i = 0; i < 2; i++) {
			struct map_work work = finds_of(data, data->mixed_keys[i]);

			work.operations = data->mixed_operations;
			measure_finds(session, map, benches[i], session->map->mixed, &work, threads, ANY_NUMBER);
		}
	}
}

static void use_filled(struct session *session)
{
	const struct data *const data = session->data;
	const struct map_bench *const own = session->map;
	const struct map_work hits = finds_of(data, data->hits);
	const struct map_work misses = finds_of(data, data->misses);
	const struct map_work all = inserts_of(data);
	const int brief = (own->traits & MAP_BRIEF) != 0;
	void *const map = map_filled(session);

	measure_finds(session, map, "map_find_hit", own->find, &hits, 1, hits.count);
	measure_dependent(session, map);
	if (!(own->traits & MAP_LIMIT)) {
		measure_finds(session, map, "map_find_miss", own->find, &misses, 1, 0);
		measure_finds(session, map, "map_batch_hit", own->find_batch, &hits, 1, hits.count);
		measure_finds(session, map, "map_batch_miss", own->find_batch, &misses, 1, 0);
		measure_finds(session, map, "map_iterate", own->iterate, &all, 1, all.count);
	}
	if (own->traits & MAP_SHARED_READS && !brief) {
		measure_finds(session, map, "map_find_hit", own->find, &hits, THREADS, hits.count);
		if (!(own->traits & MAP_LIMIT))
			measure_finds(session, map, "map_find_miss", own->find, &misses, THREADS, 0);
	}
	if (own->traits & MAP_REUSES && !brief)
		measure_mixed(session, map);
	own->destroy(map);
}

/* Inserts by all threads, then erases by one of one half of the keys chosen, by all of the other. */
static void use_erased(struct session *session)
{
	const struct map_bench *const own = session->map;
	const struct data *const data = session->data;
	const struct map_work work = inserts_of(data);
	const unsigned threads = own->traits & MAP_SHARED && !(own->traits & MAP_BRIEF) ? THREADS : 1;
	struct map_work erases = { .keys = data->erases, .count = data->erases_count / 2 };
	double ns[3] = { 0, 0, 0 };

	for (unsigned i = 0; i < data->plan.builds; i++) {
		void *const map = map_new(session);
		size_t done;

		ns[0] += measure(session, map, own->insert, &work, threads, &done);
		expect(session, "map_insert", done, work.count);
		erases.keys = data->erases;
		ns[1] += measure(session, map, own->erase, &erases, 1, &done);
		expect(session, "map_erase", done, erases.count);
		if (threads > 1) {
			erases.keys = data->erases + erases.count;
			ns[2] += measure(session, map, own->erase, &erases, threads, &done);
			expect(session, "map_erase", done, erases.count);
		}
		own->destroy(map);
	}
	record(session, "map_insert", threads, ns[0] / data->plan.builds);
	record(session, "map_erase", 1, ns[1] / data->plan.builds);
	if (threads > 1)
		record(session, "map_erase", threads, ns[2] / data->plan.builds);
}

static void use_batches(struct session *session)
{
	const struct map_bench *const own = session->map;
	const struct data *const data = session->data;
	const struct map_work inserts = inserts_of(data);
	const struct map_work erases = { .keys = data->erases, .count = data->erases_count };
	double ns[2] = { 0, 0 };

	for (unsigned i = 0; i < data->plan.builds; i++) {
		void *const map = map_new(session);
		size_t done;

		ns[0] += measure(session, map, own->insert_batch, &inserts, 1, &done);
		expect(session, "map_insert_batch", done, inserts.count);
		ns[1] += measure(session, map, own->erase_batch, &erases, 1, &done);
		expect(session, "map_erase_batch", done, erases.count);
		own->destroy(map);
	}
	record(session, "map_insert_batch", 1, ns[0] / data->plan.builds);
	record(session, "map_erase_batch", 1, ns[1] / data->plan.builds);
}

/* The time that so many thousandths of a thousand inserts do not exceed: the upper end of its bucket. */
static double percentile_9999(const uint32_t times[MAP_TIMES], size_t count)
{
	size_t above = count / 10000;

	for (size_t bucket = MAP_TIMES; bucket-- > 0;) {
		if (times[bucket] > above)
			return (double)(((bucket % 8) + 9) << (bucket / 8 - 3)) - 8;
		above -= times[bucket];
	}
	return 0;
}

/* Made for n / factor entries, filled with n. */
static void use_grown(struct session *session, size_t factor, const char *bench_hit, const char *bench_miss)
{
	const int timed = factor == 1000;
	const struct data *const data = session->data;
	const struct map_bench *const own = session->map;
	const struct map_work hits = finds_of(data, data->hits);
	const struct map_work misses = finds_of(data, data->misses);
	uint32_t times[MAP_TIMES] = { 0 };
	uint64_t time_max = 0;
	struct map_work work = inserts_of(data);
	const struct memory before = memory_now();
	void *const map = checked((own->create_growing != NULL ? own->create_growing : own->create)(data->plan.n / factor));
	size_t done;

	work.times = times;
	work.time_max = &time_max;
	(void)measure(session, map, timed ? own->insert_timed : own->insert, &work, 1, &done);
	expect(session, bench_hit, done, data->plan.n);
	const size_t bytes = own->bytes != NULL ? own->bytes(map) : memory_since(&before);
	session->bytes_per_entry = (double)bytes / (double)data->plan.n;
	if (timed) {
		record(session, "map_grow_p9999", 1, percentile_9999(times, data->plan.n));
		record(session, "map_grow_max", 1, (double)time_max);
	}
	measure_finds(session, map, bench_hit, own->find, &hits, 1, hits.count);
	measure_finds(session, map, bench_miss, own->find, &misses, 1, 0);
	own->destroy(map);
}

static void use_grown8(struct session *session)
{
	use_grown(session, 8, "map_grown8_hit", "map_grown8_miss");
}

static void use_grown1000(struct session *session)
{
	use_grown(session, 1000, "map_grown1000_hit", "map_grown1000_miss");
}

/* ---- cases ---------------------------------------------------------------------------------------- */

#define SESSIONS_MAX (SIZES * (IMPLEMENTATIONS_COUNT + 1))

static struct data data_of_size[SIZES];
static struct session sessions[SESSIONS_MAX];
static struct bench_case cases[SESSIONS_MAX];

struct part_of_session {
	void (*use)(struct session *session);
	const char *benches[10]; /* that it records; NULL behind the last */
};

static const struct part_of_session parts[PARTS] = {
	[FILLED] = { use_filled,
		     { "map_insert", "map_find_hit", "map_find_miss", "map_dependent", "map_batch_hit", "map_batch_miss",
		       "map_mixed_uniform", "map_mixed_zipf", "map_iterate", NULL } },
	[ERASED] = { use_erased, { "map_insert", "map_erase", NULL } },
	[BATCHES] = { use_batches, { "map_insert_batch", "map_erase_batch", NULL } },
	[GROWN1000] = { use_grown1000,
			{ "map_grown1000_hit", "map_grown1000_miss", "map_grow_p9999", "map_grow_max", NULL } },
	[GROWN8] = { use_grown8, { "map_grown8_hit", "map_grown8_miss", NULL } },
};

static int is_possible(const struct session *session, enum part part)
{
	const unsigned traits = session->map->traits;

	if (part == FILLED)
		return 1;
	if (traits & MAP_LIMIT || session->room > 1)
		return 0;
	if (part == GROWN8 || part == GROWN1000)
		return traits & MAP_GROWS && !(traits & MAP_BRIEF);
	return part == ERASED || session->map->insert_batch != NULL;
}

static int is_part_wanted(const struct session *session, enum part part)
{
	const char *const *bench = parts[part].benches;

	while (*bench != NULL && !is_wanted(session, *bench))
		bench++;
	return *bench != NULL && is_possible(session, part);
}

static int is_part_due(const struct session *session, enum part part)
{
	const struct plan *const plan = &session->data->plan;

	/* What is not indispensable waits until all implementations have been looked at once. */
	if (part != FILLED && plan->rounds_least[part] == 0 && session->rounds[FILLED] == 1 &&
	    is_part_wanted(session, FILLED))
		return 0;
	return is_part_wanted(session, part) && !session->is_late[part] && bench_seconds_left() > session->spent_by[part] &&
	       (session->spent < plan->seconds || session->rounds[part] < plan->rounds_least[part]);
}

static double run_session(const struct bench_case *bench_case)
{
	struct session *const session = &sessions[bench_case - cases];
	const struct map_bench *const own = session->map;
	int wanted = 0;

	for (enum part part = 0; part < PARTS; part++)
		wanted |= is_part_wanted(session, part);
	if (!wanted)
		return BENCH_RECORDED;
	if (session->data->keys == NULL)
		data_make(session->data);
	if (own->thread_enter != NULL)
		own->thread_enter();
	for (enum part part = 0; part < PARTS; part++) {
		const uint64_t begin = bench_now_ns();

		if (!is_part_due(session, part))
			continue;
		session->part = part;
		parts[part].use(session);
		session->rounds[part]++;
		session->spent_by[part] = (double)(bench_now_ns() - begin) * 1e-9;
		session->spent += session->spent_by[part];
	}
	if (own->thread_leave != NULL)
		own->thread_leave();
	return BENCH_RECORDED;
}

static void add_case(size_t *count, const struct map_bench *map, const char *name, struct data *data, double room)
{
	const char *const name_plain = map->find_near != NULL ? " (plain find)" : "";
	char *const name_of_plain = bench_allocate(strlen(name) + strlen(name_plain) + 1);

	strcpy(name_of_plain, name);
	strcat(name_of_plain, name_plain);
	sessions[*count] = (struct session){ .map = map, .name = name, .name_plain = name_of_plain, .data = data,
					       .room = room };
	cases[(*count)++] = (struct bench_case){ "map", name, data->plan.n, THREADS, run_session, 0,
						 data->plan.repetitions };
}

/* How much larger ours has to be made to take the bytes that absl takes: 2^k - 1 cells, at most 7/8 of them full. */
static double room_of_absl(size_t n)
{
	size_t cells = 1;

	while (cells - cells / 8 < n)
		cells = cells * 2 + 1;
	const double room = (double)cells * ABSL_BYTES_PER_CELL / ((double)n * OURS_BYTES_PER_ENTRY);
	return room > 1 ? room : 1;
}

struct bench_group bench_maps(int quick)
{
	static const struct plan full[SIZES] = { { 10000, 200000, 20, 3, 0, 3, { 5, 3, 3, 3, 3 } },
						 { 1000000, 300000, 1, 2, 0, 8, { 3, 1, 1, 1, 1 } },
						 { 10000000, 200000, 1, 3, 3, 30, { 2, 0, 0, 0, 0 } } };
	static const struct plan brief[SIZES] = { { 10000, 50000, 5, 1, 0, 1, { 3, 1, 1, 1, 1 } },
						  { 1000000, 100000, 1, 2, 2, 1, { 1, 1, 1, 1, 0 } } };
	size_t count = 0;

	for (size_t i = 0; i < SIZES; i++) {
		const size_t n = (quick ? brief : full)[i].n;

		data_of_size[i].plan = (quick ? brief : full)[i];
		for (size_t k = 0; k < IMPLEMENTATIONS_COUNT && n > 0; k++) {
			if (implementations[k] != NULL)
				add_case(&count, implementations[k], implementations[k]->name, &data_of_size[i], 1);
		}
		if (n > 0)
			add_case(&count, &map_bench_hashloom, "hashloom, bytes of absl", &data_of_size[i], room_of_absl(n));
	}
	return (struct bench_group){ cases, count, 3 };
}
