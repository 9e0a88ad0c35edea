// SPDX-License-Identifier: BSD-3-Clause
// Copyright 2026, The Hashloom authors
#include "coroutines.h"

#include <chrono>
#include <coroutine>
#include <exception>
#include <vector>

namespace {

struct coroutine {
	struct promise_type {
		coroutine get_return_object()
		{
			return {std::coroutine_handle<promise_type>::from_promise(*this)};
		}
		std::suspend_always initial_suspend() noexcept
		{
			return {};
		}
		std::suspend_always final_suspend() noexcept
		{
			return {};
		}
		void return_void()
		{
		}
		void unhandled_exception()
		{
			std::terminate();
		}
	};
	std::coroutine_handle<promise_type> handle;
};

coroutine suspend_often(unsigned suspends)
{
	for (unsigned i = 0; i < suspends; i++)
		co_await std::suspend_always{};
}

} // namespace

double coroutines_resume(size_t n, unsigned suspends, size_t runs)
{
	double spent = 0;
	size_t size = 1;

	while (size < n)
		size *= 2;
	std::vector<std::coroutine_handle<>> ring(size);
	for (size_t run = 0; run < runs; run++) {
		size_t head = 0, tail = 0;

		for (size_t i = 0; i < n; i++)
			ring[tail++] = suspend_often(suspends).handle;
		const auto begin = std::chrono::steady_clock::now();
		while (head != tail) {
			const auto handle = ring[head++ % size];

			handle.resume();
			if (handle.done())
				handle.destroy();
			else
				ring[tail++ % size] = handle;
		}
		spent += std::chrono::duration<double, std::nano>(std::chrono::steady_clock::now() - begin).count();
	}
	return spent;
}
