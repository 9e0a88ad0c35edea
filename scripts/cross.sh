#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# cross.sh MACHINE...|all: builds the library and its tests for other machines and other C libraries and compilers,
# runs them (under QEMU where need be), and says how each fared. Status 1 if something failed.
# OUT (build/cross) is where it builds, JOBS (1) how many run at once, CTEST_ARGUMENTS say which tests.
#
# Left out are the program, which wants readline, what needs libpmem2, which few machines have, and C++ with musl.
# cmocka and liburcu are built from Debian's sources, because its riscv64 and its musl have no packages of them.
# 32-bit machines: the library must build without a warning; the tests warn of conversions that matter on none.
set -eu

# name, Debian's name for the machine (-: this one, with the compiler of that name), bits
machines='
aarch64  aarch64-linux-gnu      64
riscv64  riscv64-linux-gnu      64
s390x    s390x-linux-gnu        64
ppc64el  powerpc64le-linux-gnu  64
armhf    arm-linux-gnueabihf    32
i386     i686-linux-gnu         32
musl     x86_64-linux-musl      64
clang    -                      64
'

tree=$(cd "$(dirname "$0")/.." && pwd)
out=${OUT:-$tree/build/cross}
jobs=${JOBS:-1}
toolchain=$tree/cmake/toolchains/debian-cross.cmake

triplet_of() # MACHINE
{
	echo "$machines" | awk -v name="$1" '$1 == name { print $2 }'
}

bits_of() # MACHINE
{
	echo "$machines" | awk -v name="$1" '$1 == name { print $3 }'
}

# Sources of cmocka and liburcu, fetched with lists of our own: the system's apt is left as it is.
fetch_sources()
{
	apt="-o Dir::Etc::SourceList=$sources/list -o Dir::Etc::SourceParts=- -o Dir::State::Lists=$sources/lists"
	mkdir -p "$sources/lists/partial"
	# these are apt's variables
	# shellcheck disable=SC2016
	apt-get indextargets --format 'deb-src $(REPO_URI) $(RELEASE) main' 'Created-By: Packages' 'Origin: Debian' \
		'Component: main' | sort -u >"$sources/list"
	# word splitting is meant
	# shellcheck disable=SC2086
	(cd "$sources" && apt-get $apt update && apt-get $apt source --download-only cmocka liburcu) || return
	for name in cmocka liburcu; do
		mkdir -p "$sources/$name"
		tar -C "$sources/$name" --strip-components=1 -xf "$sources/$name"_*.orig.tar.[!a]*[!c] || return
	done
}

# cmocka and liburcu for a machine, under PREFIX
build_needs() # TRIPLET DIR PREFIX
{
	cmake -S "$sources/cmocka" -B "$2/cmocka" --toolchain "$toolchain" -DHASHLOOM_TRIPLET="$1" \
		-DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" -DWITH_EXAMPLES=OFF \
		-DCMAKE_INSTALL_PREFIX="$3" -DCMAKE_INSTALL_LIBDIR=lib &&
		cmake --build "$2/cmocka" --parallel "$jobs" --target install || return
	mkdir -p "$2/urcu"
	(cd "$2/urcu" && "$sources/liburcu/configure" --host="$1" --prefix="$3" --disable-static \
		CC="$1-gcc" CFLAGS="-g $flags" &&
		make -j"$jobs" -C src && make -C include install && make -C src install install-pkgconfigDATA)
}

# Sets `arguments` for cmake: how to build for a machine. Makes what the machine lacks.
prepare() # MACHINE DIR
{
	triplet=$(triplet_of "$1")
	flags="-O2"
	if [ "$triplet" = - ]; then
		arguments="-DCMAKE_C_COMPILER=$1 -DCMAKE_CXX_COMPILER=$1++"
		return
	fi
	arguments="--toolchain $toolchain -DHASHLOOM_TRIPLET=$triplet"
	if [ "$1" = musl ]; then
		# the kernel's headers and xxhash's, and nothing else of what glibc's programs are built with
		mkdir -p "$2/include"
		ln -sfn /usr/include/linux /usr/include/asm-generic "/usr/include/$(uname -m)-linux-gnu/asm" \
			/usr/include/xxhash.h /usr/include/xxh3.h "$2/include"
		flags="$flags -idirafter $2/include"
	fi
	[ -e "$2/prefix/lib/pkgconfig/liburcu.pc" ] || build_needs "$triplet" "$2" "$2/prefix" || return
	export PKG_CONFIG_LIBDIR="$2/prefix/lib/pkgconfig"
}

configure() # DIR ARGUMENT...
{
	dir=$1
	shift
	# shellcheck disable=SC2086
	cmake -S "$tree" -B "$dir/build" $arguments -DCMAKE_BUILD_TYPE=None -DCMAKE_C_FLAGS="$flags" \
		-DCMAKE_CXX_FLAGS="$flags" -DHASHLOOM_PROGRAM=OFF "$@"
}

# A test that does not compile is ctest's to tell of.
build() # MACHINE DIR
{
	prepare "$1" "$2" || return
	if [ "$(bits_of "$1")" = 32 ]; then
		configure "$2" -DHASHLOOM_WERROR=ON -DHASHLOOM_TESTS=OFF &&
			cmake --build "$2/build" --parallel "$jobs" --target hashloom_shared || return
		flags="$flags -Wno-conversion -Wno-sign-conversion"
		configure "$2" -DHASHLOOM_WERROR=OFF -DHASHLOOM_TESTS=ON || return
	else
		configure "$2" -DHASHLOOM_WERROR=ON -DHASHLOOM_TESTS=ON || return
	fi
	cmake --build "$2/build" --parallel "$jobs" -- -k || true
}

# The line of the table, from what cmake and ctest wrote.
report() # MACHINE DIR
{
	compiler=$(sed -n 's/^CMAKE_C_COMPILER:[^=]*=\(.*\/\)\{0,1\}//p' "$2/build/CMakeCache.txt" 2>/dev/null)
	cat "$2/build.log" "$2/test.log" 2>/dev/null | awk -v machine="$1" -v compiler="${compiler:-$(triplet_of "$1")}" '
		/^-- Left out: / { left[$4] = 1 }
		/^ *[0-9]+\/[0-9]+ Test / { if (/ Passed /) passed++; else { failed++; names = names " " $4 } }
		END {
			for (name in left)
				left_out++
			if (passed + failed == 0)
				names = " not built"
			printf "%-8s %-28s %6d %6d %8d %s\n", machine, compiler, passed, failed, left_out, names
			exit failed > 0 || passed == 0
		}'
}

run() # MACHINE
{
	dir=$out/$1
	mkdir -p "$dir"
	rm -f "$dir/test.log"
	echo "$1: building, see $dir/build.log" >&2
	(build "$1" "$dir") >"$dir/build.log" 2>&1 || { echo "$1: cannot be built" >&2 && return; }
	echo "$1: testing, see $dir/test.log" >&2
	# shellcheck disable=SC2086
	(cd "$dir/build" && ctest --output-on-failure -j "$jobs" ${CTEST_ARGUMENTS:-}) >"$dir/test.log" 2>&1 || true
}

[ $# -gt 0 ] || { echo 'usage: cross.sh MACHINE...|all' >&2 && exit 2; }
# shellcheck disable=SC2046
[ "$1" != all ] || set -- $(echo "$machines" | awk '{ print $1 }')
for machine; do
	[ -n "$(triplet_of "$machine")" ] || { echo "cross.sh: $machine is none of$(echo "$machines" | awk '{ printf " %s", $1 }')" >&2 && exit 2; }
	"$tree/scripts/packages.sh" "cross-$machine"
done
mkdir -p "$out"
out=$(cd "$out" && pwd)
sources=$out/sources
[ -d "$sources/liburcu" ] || fetch_sources >"$out/sources.log" 2>&1 ||
	{ echo "cross.sh: no sources, see $out/sources.log" >&2 && exit 1; }
for machine; do
	run "$machine"
done
printf '%-8s %-28s %6s %6s %8s  %s\n' machine compiler passed failed 'left out' 'which failed'
status=0
for machine; do
	report "$machine" "$out/$machine" || status=1
done
exit $status
