/* SPDX-License-Identifier: BSD-3-Clause */
/* Copyright 2026, The Hashloom authors */
/* mutex.c: the queue that is written first: a ring, a mutex, two condition variables. */
#include <pthread.h>
#include <string.h>

#include "../bench.h"
#include "queues.h"

#define RING 1024
#define THREADS_MAX 16

static struct {
	pthread_mutex_t lock;
	pthread_cond_t is_more, is_done;
	struct {
		char *to, *from;
		size_t size;
	} ring[RING];
	size_t head, tail, done;
	int stop;
} queue = { .lock = PTHREAD_MUTEX_INITIALIZER, .is_more = PTHREAD_COND_INITIALIZER, .is_done = PTHREAD_COND_INITIALIZER };

static void *worker(void *unused)
{
	pthread_mutex_lock(&queue.lock);
	for (;;) {
		while (queue.head == queue.tail && !queue.stop)
			pthread_cond_wait(&queue.is_more, &queue.lock);
		if (queue.head == queue.tail)
			break;
		const size_t i = queue.head++ % RING;
		char *const to = queue.ring[i].to, *const from = queue.ring[i].from;
		const size_t size = queue.ring[i].size;
		pthread_mutex_unlock(&queue.lock);
		memcpy(to, from, size);
		pthread_mutex_lock(&queue.lock);
		queue.done++;
		pthread_cond_signal(&queue.is_done);
	}
	pthread_mutex_unlock(&queue.lock);
	return unused;
}

static void push(char *to, char *from, size_t size)
{
	pthread_mutex_lock(&queue.lock);
	const size_t i = queue.tail++ % RING;
	queue.ring[i].to = to;
	queue.ring[i].from = from;
	queue.ring[i].size = size;
	pthread_cond_signal(&queue.is_more);
	pthread_mutex_unlock(&queue.lock);
}

double queue_mutex_copy(const struct copies *copies, unsigned threads)
{
	pthread_t workers[THREADS_MAX];

	queue.head = queue.tail = queue.done = 0;
	queue.stop = 0;
	for (unsigned i = 0; i < threads; i++)
		if (i >= THREADS_MAX || pthread_create(&workers[i], NULL, worker, NULL) != 0)
			bench_fail("no thread");
	const uint64_t begin = bench_now_ns();
	for (size_t batch = 0; batch < copies->batches; batch++) {
		for (size_t i = 0; i < copies->in_flight; i++)
			push(copies->to + i * copies->size, copies->from + i * copies->size, copies->size);
		pthread_mutex_lock(&queue.lock);
		while (queue.done < queue.tail)
			pthread_cond_wait(&queue.is_done, &queue.lock);
		pthread_mutex_unlock(&queue.lock);
	}
	const double ns = (double)(bench_now_ns() - begin);
	pthread_mutex_lock(&queue.lock);
	queue.stop = 1;
	pthread_cond_broadcast(&queue.is_more);
	pthread_mutex_unlock(&queue.lock);
	for (unsigned i = 0; i < threads; i++)
		pthread_join(workers[i], NULL);
	return ns;
}
