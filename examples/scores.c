/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/*
 * scores.c: a map for types of one's own, shared by threads. Two threads count the letters of two texts in one map that begins with
 * room for a few and grows; values are changed in place, then all entries are looked at.
 */
#include <ctype.h>
#include <pthread.h>
#include <stdio.h>

#define ATOMIC_HASH_MAP_NAME letters
#define ATOMIC_HASH_MAP_KEY uint32_t
#define ATOMIC_HASH_MAP_VALUE uint32_t
#include <hashloom/atomic_hash_map_typed.h>

static struct letters letters;

static uint32_t add(uint32_t stored, uint32_t offered, void *argument)
{
	(void)argument;
	return stored + offered;
}

static void *count_letters(void *text)
{
	for (const char *letter = text; *letter != '\0'; letter++)
		if (isalpha((unsigned char)*letter))
			letters_upsert(&letters, (uint32_t)*letter, 1, add, NULL, NULL);
	return NULL;
}

static int print_frequent(uint32_t key, uint32_t *value, void *argument)
{
	uint32_t *const printed = argument;

	if (*value >= 5) {
		printf("%c: %u\n", (int)key, *value);
		++*printed;
	}
	return 0;
}

int main(void)
{
	static char first[] = "she sells sea shells";
	static char second[] = "on the sea shore";
	uint32_t printed = 0;
	uint32_t value = 0;
	pthread_t thread;

	if (letters_create(&letters, 4) != HASHLOOM_OK)
		return 1;
	const int has_thread = pthread_create(&thread, NULL, count_letters, first) == 0;

	if (!has_thread)
		count_letters(first);
	count_letters(second);
	if (has_thread)
		pthread_join(thread, NULL);

	if (letters_take(&letters, 's', &value))
		printf("s: %u, taken out\n", value);
	printf("s is %s\n", letters_find(&letters, 's') != NULL ? "still there" : "not there any more");
	letters_for_each(&letters, 0, 1, print_frequent, &printed);
	printf("%zu letters in all, %u of them frequent\n", letters_size(&letters), printed);
	letters_destroy(&letters);
}
