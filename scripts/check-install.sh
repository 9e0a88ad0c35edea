#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-install.sh BUILD CC CMAKE: installs the build somewhere else and builds and runs a small
# program against the result, in each of the ways in which users do. Says which way failed.
set -eu
build=$1 cc=$2 cmake=$3
dir=$(mktemp -d)
trap 'echo "failed: $way"; rm -rf "$dir"' EXIT
prefix=$dir/prefix

cat >"$dir/twice.c" <<'END'
#include HEADER
#include <stdio.h>

struct twice_data {
	int polls;
};

struct twice_output {
	const char *text;
};

FUTURE(twice, struct twice_data, struct twice_output);

/* is complete at the second poll */
static enum future_state twice_task(struct future_context *context, struct future_notifier *notifier)
{
	struct twice_data *data = future_context_get_data(context);
	struct twice_output *output = future_context_get_output(context);

	if (notifier)
		notifier->notifier_used = FUTURE_NOTIFIER_NONE;
	if (++data->polls < 2)
		return FUTURE_STATE_RUNNING;
	output->text = "ok";
	return FUTURE_STATE_COMPLETE;
}

int main(void)
{
	struct runtime *runtime = runtime_new();
	struct twice future = { .data = { 0 } };

	if (!runtime)
		return 1;
	FUTURE_INIT(&future, twice_task);
	runtime_wait(runtime, FUTURE_AS_RUNNABLE(&future));
	runtime_delete(runtime);
	puts(FUTURE_OUTPUT(&future)->text);
	return FUTURE_DATA(&future)->polls != 2;
}
END

cat >"$dir/io.c" <<'END'
#include <hashloom/io.h>
#include <stdio.h>

/* waits for nothing in a poll of a descriptor that there is not */
int main(void)
{
	struct hashloom_io *io = hashloom_io_new(NULL);
	struct hashloom_io_future future = hashloom_io_poll(io, -1, 0);

	if (!io)
		return 1;
	FUTURE_BUSY_POLL(&future);
	hashloom_io_delete(io);
	puts(FUTURE_OUTPUT(&future)->result < 0 ? "ok" : "wrong");
	return 0;
}
END

cat >"$dir/CMakeLists.txt" <<'END'
cmake_minimum_required(VERSION 3.16)
project(outside LANGUAGES C)
find_package(hashloom 0.1 REQUIRED)
add_compile_definitions(HEADER=<hashloom.h>)
add_executable(shared twice.c)
target_link_libraries(shared PRIVATE hashloom::hashloom)
add_executable(static twice.c)
target_link_libraries(static PRIVATE hashloom::hashloom_static)
add_executable(io io.c)
target_link_libraries(io PRIVATE hashloom::hashloom_io)
add_executable(io_static io.c)
target_link_libraries(io_static PRIVATE hashloom::hashloom_io_static)
END

prints_ok() # PROGRAM
{
	[ "$("$1")" = ok ]
}

way='cmake --install'
"$cmake" --install "$build" --prefix "$prefix" >"$dir/log"
libdir=$(dirname "$(find "$prefix" -name libhashloom.a)")
export PKG_CONFIG_PATH="$libdir/pkgconfig" LD_LIBRARY_PATH="$libdir"
[ "$("$prefix/bin/hashloom" --version)" = "hashloom $(pkg-config --modversion hashloom)" ]
find "$prefix" -name LICENSE | grep -q .

# what pkg-config prints is meant to be split into words
# shellcheck disable=SC2046
{
	way='pkg-config hashloom'
	"$cc" '-DHEADER=<hashloom.h>' -o "$dir/shared" "$dir/twice.c" \
		$(pkg-config --cflags --libs hashloom)
	prints_ok "$dir/shared"

	way='pkg-config libminiasync'
	pkg-config --atleast-version=0.3.0 libminiasync
	"$cc" '-DHEADER=<libminiasync.h>' -o "$dir/miniasync" "$dir/twice.c" \
		$(pkg-config --cflags --libs libminiasync)
	prints_ok "$dir/miniasync"

	way='pkg-config hashloom_io'
	"$cc" -o "$dir/io" "$dir/io.c" $(pkg-config --cflags --libs hashloom_io)
	prints_ok "$dir/io"

	way='pkg-config --static hashloom'
	"$cc" -static '-DHEADER=<hashloom.h>' -o "$dir/static" "$dir/twice.c" \
		$(pkg-config --static --cflags --libs hashloom)
	prints_ok "$dir/static"
}

way='find_package(hashloom)'
"$cmake" -S "$dir" -B "$dir/build" -DCMAKE_C_COMPILER="$cc" -DCMAKE_PREFIX_PATH="$prefix" >"$dir/log"
"$cmake" --build "$dir/build" >"$dir/log"
prints_ok "$dir/build/shared"
prints_ok "$dir/build/static"
prints_ok "$dir/build/io"
prints_ok "$dir/build/io_static"

trap 'rm -rf "$dir"' EXIT
