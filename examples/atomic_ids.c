/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * atomic_ids.c: gives words 32-bit ids that never change, from several threads at once. The rest of
 * a program can keep the id, 4 bytes, where it would have kept a pointer or the word.
 */
#include <pthread.h>
#include <stdio.h>
#include <string.h>

#include <hashloom/base.h>

struct name {
	const char *text;
};

/* Defines struct ids and the functions ids_create, ids_insert, ids_find and so on. */
#define ATOMIC_HASH_ARRAY_NAME ids
#define ATOMIC_HASH_ARRAY_VALUE struct name
#include <hashloom/atomic_hash_array_typed.h>

#define NO_ID UINT32_MAX

/* FNV-1a, less a bit: the four largest numbers are no keys. The map hashes keys by itself. */
static uint64_t key_of(const char *text)
{
	uint64_t key = UINT64_C(0xcbf29ce484222325);

	for (; *text != '\0'; text++)
		key = (key ^ (unsigned char)*text) * UINT64_C(0x100000001b3);
	return key >> 1;
}

/*
 * The id of a text, which must stay where it is. Of several threads that bring one text at the same
 * time one inserts it, and all get its id. Two texts may have the same key: the later one takes the
 * next key.
 */
static uint32_t id_of(struct ids *ids, const char *text)
{
	const struct name name = {text};

	/* Ends: each turn meets a different text that is in the map, which has a fixed size. */
	for (uint64_t key = key_of(text);; key++) {
		struct name *where;

		if (ids_insert(ids, key, name, &where) < 0)
			return NO_ID; /* full */
		if (strcmp(where->text, text) == 0)
			return ids_id(ids, where);
	}
}

static const char *const sentence[] = {
	"the", "weaver", "weaves", "what", "the", "loom",   "has",    "and",
	"the", "loom",   "has",    "what", "the", "weaver", "weaves",
};

enum {
	THREADS = 4,
	WORDS = sizeof(sentence) / sizeof(sentence[0]),
};

struct reader {
	pthread_t thread;
	struct ids *ids;
	uint32_t word_ids[WORDS];
};

static void *read_sentence(void *arg)
{
	struct reader *reader = arg;

	for (size_t i = 0; i < WORDS; i++)
		reader->word_ids[i] = id_of(reader->ids, sentence[i]);
	return NULL;
}

static int run_readers(struct reader *readers, struct ids *ids)
{
	size_t started = 0;

	for (; started < THREADS; started++) {
		readers[started].ids = ids;
		if (pthread_create(&readers[started].thread, NULL, read_sentence,
				   &readers[started]) != 0)
			break;
	}
	for (size_t i = 0; i < started; i++)
		pthread_join(readers[i].thread, NULL);
	return started < THREADS;
}

/* From the id back to the word: an array access. */
static const char *text_of(const struct ids *ids, uint32_t id)
{
	const struct name *name = ids_at(ids, id, NULL);

	return name == NULL ? "?" : name->text;
}

int main(void)
{
	static struct reader readers[THREADS];
	struct ids ids;
	int agree = 1;

	if (ids_create(&ids, 1000) != HASHLOOM_OK)
		return 1;
	if (run_readers(readers, &ids) != 0)
		return 1;
	for (size_t i = 1; i < THREADS; i++)
		agree &= memcmp(readers[i].word_ids, readers[0].word_ids,
				sizeof(readers[0].word_ids)) == 0;
	printf("%d threads read %d words, %zu of them different\n", THREADS, WORDS, ids_size(&ids));
	printf("all gave them the same ids: %s\n", agree ? "yes" : "no");
	printf("from the ids of thread 3:");
	for (size_t i = 0; i < WORDS; i++)
		printf(" %s", text_of(&ids, readers[3].word_ids[i]));
	puts("");

	/* The map is still open for more, and the ids stay as they are. */
	const uint32_t id = readers[0].word_ids[0];
	id_of(&ids, "cloth");
	printf("\"the\" keeps its id: %s\n", id_of(&ids, "the") == id ? "yes" : "no");
	ids_destroy(&ids);
	return !agree;
}
