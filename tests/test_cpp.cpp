// SPDX-License-Identifier: BSD-3-Clause
// Copyright 2026, The Hashloom authors
//
// Goal: the public headers are C++17, and every macro of future.h works there: the reference's
// chain macros did not.
//
// Method: futures, chains, movers and the runtime used as a C++ program would: in namespaces,
// templates, lambdas and with owners that clean up. The headers that existing programs include come
// first.
#include <libminiasync.h>
#include <libminiasync-vdm-dml.h>

#include <libminiasync/data_mover_sync.h>
#include <libminiasync/data_mover_threads.h>
#include <libminiasync/future.h>
#include <libminiasync/runtime.h>
#include <libminiasync/vdm.h>

#include <hashloom.h>

#include <array>
#include <csetjmp>
#include <cstdarg>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>
#include <type_traits>
#include <vector>

extern "C" {
#include <cmocka.h>
}

static_assert(std::is_trivially_copyable<struct future>::value, "layout");
static_assert(sizeof(void *) != 8 || (sizeof(struct future) == 40 && sizeof(struct future_chain_entry) == 80 &&
				      sizeof(struct vdm_operation_future) == 120),
	      "layout");
static_assert(std::is_standard_layout<struct vdm_operation_future>::value, "layout");

namespace counting
{

struct data {
	int waits;
	int input;
	std::string *trace;
};

struct output {
	int value;
};

FUTURE(count_fut, struct data, struct output);

enum future_state count_task(struct future_context *context, struct future_notifier *notifier)
{
	auto *const data = static_cast<struct data *>(future_context_get_data(context));
	auto *const output = static_cast<struct output *>(future_context_get_output(context));

	if (notifier != nullptr)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	*data->trace += "r";
	if (data->waits-- > 0)
		return FUTURE_STATE_RUNNING;
	output->value = data->input + 1;
	return FUTURE_STATE_COMPLETE;
}

int is_async(void *, enum future_property property)
{
	return property == FUTURE_PROPERTY_ASYNC;
}

struct count_fut make(int waits, std::string *trace)
{
	struct count_fut future;

	future.data = {waits, 0, trace};
	future.output = {0};
	FUTURE_INIT_EXT(&future, count_task, is_async);
	return future;
}

} // namespace counting

using counting::count_fut;

// ---- single futures ----

static void test_cpp_future_macros(void **)
{
	std::string trace;
	count_fut future = counting::make(2, &trace);

	assert_int_equal(FUTURE_STATE(&future), FUTURE_STATE_IDLE);
	assert_ptr_equal(FUTURE_AS_RUNNABLE(&future), &future.base);
	assert_ptr_equal(FUTURE_DATA(&future), &future.data);
	assert_ptr_equal(FUTURE_OUTPUT(&future), &future.output);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&future), FUTURE_PROPERTY_ASYNC),
			 1);
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&future), nullptr), FUTURE_STATE_RUNNING);
	FUTURE_BUSY_POLL(&future);
	assert_string_equal(trace.c_str(), "rrr");
	assert_int_equal(FUTURE_OUTPUT(&future)->value, 1);
	FUTURE_INIT(&future, counting::count_task);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&future), FUTURE_PROPERTY_ASYNC),
			 0);
	FUTURE_INIT_COMPLETE(&future);
	FUTURE_BUSY_POLL(&future);
	assert_string_equal(trace.c_str(), "rrr");
	assert_int_equal(future_context_get_size(&future.base.context),
			 sizeof(future.data) + sizeof(future.output));
}

static void test_cpp_waker(void **)
{
	int wakes = 0;
	struct future_waker waker = {&wakes, [](void *data) { ++*static_cast<int *>(data); }};

	FUTURE_WAKER_WAKE(&waker);
	assert_int_equal(wakes, 1);
}

// Data and output of any type and alignment; a task that is a lambda, in a template.
struct nothing {
};

struct alignas(64) wide {
	char bytes[65];
};

template <typename Data, typename Output> static void check_alignment()
{
	FUTURE(local_fut, Data, Output);
	static local_fut future;
	static void *data, *output;

	FUTURE_INIT(&future, [](struct future_context *context, struct future_notifier *) {
		data = future_context_get_data(context);
		output = future_context_get_output(context);
		return FUTURE_STATE_COMPLETE;
	});
	FUTURE_BUSY_POLL(&future);
	assert_ptr_equal(data, &future.data);
	assert_ptr_equal(output, &future.output);
}

static void test_cpp_data_and_output_of_any_type(void **)
{
	check_alignment<char, double>();
	check_alignment<nothing, nothing>();
	check_alignment<nothing, wide>();
	check_alignment<wide, char>();
	check_alignment<char, wide>();
	check_alignment<int *, std::array<short, 3>>();
}

// ---- chains ----

struct row_data {
	FUTURE_CHAIN_ENTRY(count_fut, first);
	FUTURE_CHAIN_ENTRY(count_fut, second);
	FUTURE_CHAIN_ENTRY_LAST(count_fut, third);
	std::string *trace;
};

FUTURE(row_fut, row_data, counting::output);

static void pass_on(struct future_context *lhs, struct future_context *rhs, void *arg)
{
	const auto *const from = static_cast<counting::output *>(future_context_get_output(lhs));
	auto *const to = static_cast<counting::data *>(future_context_get_data(rhs));

	to->input = from->value;
	*static_cast<std::string *>(arg) += "m";
}

static void finish(struct future_context *lhs, struct future_context *rhs, void *)
{
	*static_cast<counting::output *>(future_context_get_output(rhs)) =
		*static_cast<counting::output *>(future_context_get_output(lhs));
}

static void init_third(void *future, struct future_context *chain, void *arg)
{
	auto *const data = static_cast<row_data *>(future_context_get_data(chain));
	const count_fut made = counting::make(*static_cast<int *>(arg), data->trace);

	*data->trace += "i";
	memcpy(future, &made, sizeof(made));
}

static row_fut row_make(std::string *trace, int *waits)
{
	row_fut chain;

	chain.data.trace = trace;
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.first, counting::make(0, trace), pass_on, trace);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.second, counting::make(1, trace), pass_on, trace);
	FUTURE_CHAIN_ENTRY_LAZY_INIT(&chain.data.third, init_third, waits, finish, nullptr);
	FUTURE_CHAIN_INIT(&chain);
	return chain;
}

static void test_cpp_chain_macros(void **)
{
	std::string trace;
	int waits = 2;
	row_fut chain = row_make(&trace, &waits);

	assert_true(FUTURE_CHAIN_ENTRY_IS_INITIALIZED(&chain.data.first));
	assert_false(FUTURE_CHAIN_ENTRY_IS_INITIALIZED(&chain.data.third));
	assert_true(FUTURE_CHAIN_ENTRY_IS_LAST(&chain.data.third));
	assert_false(FUTURE_CHAIN_ENTRY_IS_PROCESSED(&chain.data.first));
	assert_int_equal(future_poll(FUTURE_AS_RUNNABLE(&chain), nullptr), FUTURE_STATE_RUNNING);
	assert_true(FUTURE_CHAIN_ENTRY_IS_PROCESSED(&chain.data.first));
	assert_true(FUTURE_CHAIN_ENTRY_HAS_FLAG(&chain.data.first, FUTURE_CHAIN_VALID_FLAGS));
	assert_false(FUTURE_CHAIN_ENTRY_HAS_FLAG(&chain.data.first, FUTURE_CHAIN_FLAG_ENTRY_LAST));
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&chain), FUTURE_PROPERTY_ASYNC), 1);
	FUTURE_BUSY_POLL(&chain);
	assert_string_equal(trace.c_str(), "rmrrimrrr");
	assert_int_equal(FUTURE_OUTPUT(&chain)->value, 3);
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&chain), FUTURE_PROPERTY_ASYNC),
			 -1);

	/* sent back by hand, through the common view of an entry */
	auto *const third = reinterpret_cast<struct future_chain_entry *>(&chain.data.third);
	third->flags &= ~FUTURE_CHAIN_FLAG_ENTRY_PROCESSED;
	third->future.context.state = FUTURE_STATE_IDLE;
	chain.base.context.state = FUTURE_STATE_IDLE;
	chain.data.third.fut.data.waits = 0;
	FUTURE_BUSY_POLL(&chain);
	assert_string_equal(trace.c_str(), "rmrrimrrrr");
}

// Behind a LAST entry the data of a chain may hold anything, also what cannot be copied bytewise.
struct named_data {
	FUTURE_CHAIN_ENTRY_LAST(count_fut, only);
	std::string name;
};

FUTURE(named_fut, named_data, counting::output);

static void test_cpp_chain_with_members_of_any_type(void **)
{
	std::string trace;
	named_fut chain;

	chain.data.name = "a name that is too long to lie in the string itself";
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.only, counting::make(1, &trace), finish, nullptr);
	FUTURE_CHAIN_INIT(&chain);
	FUTURE_BUSY_POLL(&chain);
	assert_string_equal(trace.c_str(), "rr");
	assert_int_equal(FUTURE_OUTPUT(&chain)->value, 1);
	assert_int_equal(chain.data.name.size(), 51);
}

// Over-aligned entries, as members of a template.
FUTURE(wide_fut, wide, wide);

template <typename First, typename Second> struct pair_data {
	FUTURE_CHAIN_ENTRY(First, first);
	FUTURE_CHAIN_ENTRY(Second, second);
};

template <typename Future> static Future quick_make()
{
	Future future;

	memset(&future, 0, sizeof(future));
	FUTURE_INIT(&future, [](struct future_context *, struct future_notifier *) {
		return FUTURE_STATE_COMPLETE;
	});
	return future;
}

template <typename First, typename Second> static void check_pair()
{
	using both = pair_data<First, Second>;
	FUTURE(pair_fut, both, nothing);
	const auto count = [](struct future_context *, struct future_context *, void *arg) {
		++*static_cast<int *>(arg);
	};
	pair_fut chain;
	int maps = 0;

	memset(&chain, 0, sizeof(chain));
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.first, quick_make<First>(), count, &maps);
	FUTURE_CHAIN_ENTRY_INIT(&chain.data.second, quick_make<Second>(), count, &maps);
	FUTURE_CHAIN_INIT(&chain);
	FUTURE_BUSY_POLL(&chain);
	assert_int_equal(maps, 2);
	assert_int_equal(FUTURE_STATE(&chain.data.second.fut), FUTURE_STATE_COMPLETE);
}

static void test_cpp_chains_of_any_alignment(void **)
{
	check_pair<count_fut, wide_fut>();
	check_pair<wide_fut, count_fut>();
	check_pair<wide_fut, wide_fut>();
	check_pair<count_fut, count_fut>();
}

// ---- movers and runtime ----

template <typename T> using owner = std::unique_ptr<T, void (*)(T *)>;

static void check_mover(struct vdm *vdm, struct runtime *runtime)
{
	std::vector<int> from(1000), to(1000);
	std::vector<struct vdm_operation_future> copies;
	std::vector<struct future *> runnables;

	for (size_t i = 0; i < from.size(); i++)
		from[i] = static_cast<int>(i) + 1;
	for (size_t i = 0; i < from.size(); i += 10)
		copies.push_back(vdm_memcpy(vdm, &to[i], &from[i], 10 * sizeof(int), 0));
	for (auto &copy : copies)
		runnables.push_back(FUTURE_AS_RUNNABLE(&copy));
	runtime_wait_multiple(runtime, runnables.data(), runnables.size());
	assert_true(from == to);

	struct vdm_operation_future future =
		vdm_memmove(vdm, &to[1], &to[0], 999 * sizeof(int), VDM_F_NO_CACHE_HINT);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&future));
	assert_int_equal(to[999], 999);
	assert_ptr_equal(FUTURE_OUTPUT(&future)->output.memmove.dest, &to[1]);
	future = vdm_memset(vdm, to.data(), 0, to.size() * sizeof(int), 0);
	FUTURE_BUSY_POLL(&future);
	assert_true(to == std::vector<int>(1000));
	future = vdm_flush(vdm, to.data(), to.size() * sizeof(int), 0);
	FUTURE_BUSY_POLL(&future);
	assert_int_equal(FUTURE_OUTPUT(&future)->type, VDM_OPERATION_FLUSH);
}

static void test_cpp_movers_and_runtime(void **)
{
	const owner<struct runtime> runtime(runtime_new(), runtime_delete);
	const owner<struct data_mover_sync> sync(data_mover_sync_new(), data_mover_sync_delete);
	const owner<struct data_mover_threads> threads(
		data_mover_threads_new(2, 16, FUTURE_NOTIFIER_WAKER), data_mover_threads_delete);
	const owner<struct data_mover_threads> standard(data_mover_threads_default(),
							data_mover_threads_delete);
	const owner<struct data_mover_dml> dml(data_mover_dml_new(DATA_MOVER_DML_SOFTWARE),
					       data_mover_dml_delete);
	const owner<struct vdm> synchronous(vdm_synchronous_new(), vdm_synchronous_delete);

	check_mover(data_mover_sync_get_vdm(sync.get()), runtime.get());
	check_mover(data_mover_threads_get_vdm(threads.get()), runtime.get());
	check_mover(data_mover_threads_get_vdm(standard.get()), runtime.get());
	check_mover(data_mover_dml_get_vdm(dml.get()), runtime.get());
	check_mover(synchronous.get(), runtime.get());
}

// Copy functions and a mover of the program's.
static void test_cpp_copy_functions(void **)
{
	const owner<struct data_mover_threads> threads(
		data_mover_threads_new(1, 2, FUTURE_NOTIFIER_NONE), data_mover_threads_delete);
	struct vdm *const vdm = data_mover_threads_get_vdm(threads.get());
	char bytes[8] = "abcdefg";

	data_mover_threads_set_memcpy_fn(
		threads.get(),
		[](void *dst, const void *src, size_t n, unsigned) { return memcpy(dst, src, n); });
	data_mover_threads_set_memmove_fn(threads.get(),
					  [](void *dst, const void *src, size_t n, unsigned) {
						  return memmove(dst, src, n);
					  });
	data_mover_threads_set_memset_fn(threads.get(), [](void *str, int c, size_t n, unsigned) {
		return memset(str, c + 1, n);
	});
	struct vdm_operation_future future = vdm_memset(vdm, bytes, 'a', 3, 0);
	FUTURE_BUSY_POLL(&future);
	assert_string_equal(bytes, "bbbdefg");
}

struct own_mover : vdm {
	char record = 0;

	own_mover() : vdm{}
	{
		op_new = [](struct vdm *self, const enum vdm_operation_type) -> void * {
			return &static_cast<own_mover *>(self)->record;
		};
		op_start = [](void *, const struct vdm_operation *, struct future_notifier *) {
			return 0;
		};
		op_check = [](void *, const struct vdm_operation *operation) {
			memset(operation->data.memset.str, operation->data.memset.c,
			       operation->data.memset.n);
			return FUTURE_STATE_COMPLETE;
		};
		op_delete = [](void *, const struct vdm_operation *,
			       struct vdm_operation_output *output) {
			output->result = VDM_SUCCESS;
		};
		capabilities = VDM_F_NO_CACHE_HINT;
		has_property = counting::is_async;
	}
};

static void test_cpp_own_mover(void **)
{
	own_mover mover;
	char bytes[4] = "abc";
	struct vdm_operation_future future = vdm_memset(&mover, bytes, 'x', 2, 0);

	assert_true(vdm_is_supported(&mover, VDM_F_NO_CACHE_HINT));
	assert_int_equal(future_has_property(FUTURE_AS_RUNNABLE(&future), FUTURE_PROPERTY_ASYNC),
			 1);
	vdm_set_has_property_fn(&mover, nullptr);
	FUTURE_BUSY_POLL(&future);
	assert_string_equal(bytes, "xxc");
	assert_int_equal(FUTURE_OUTPUT(&future)->result, VDM_SUCCESS);
}

int main()
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_cpp_future_macros),
		cmocka_unit_test(test_cpp_waker),
		cmocka_unit_test(test_cpp_data_and_output_of_any_type),
		cmocka_unit_test(test_cpp_chain_macros),
		cmocka_unit_test(test_cpp_chain_with_members_of_any_type),
		cmocka_unit_test(test_cpp_chains_of_any_alignment),
		cmocka_unit_test(test_cpp_movers_and_runtime),
		cmocka_unit_test(test_cpp_copy_functions),
		cmocka_unit_test(test_cpp_own_mover),
	};

	return cmocka_run_group_tests(tests, nullptr, nullptr);
}
