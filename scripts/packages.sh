#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# packages.sh GOAL: sees to the Debian packages that `make GOAL` needs (build, run, test, bench, cross),
# or cross.sh for a MACHINE (cross-MACHINE).
# Silent if all are there. Otherwise root installs those that are lacking; anybody else is told their
# names, with status 1. Where dpkg does not rule, it says what is needed, and the build goes on. What is
# merely wished for (the other maps that the benchmark compares with, its plots) is never an error.
set -eu

# package, a command that does as well wherever it comes from (or -), the goals
needs='
cmake            cmake       build run test bench cross
gcc              cc          build run test bench cross
g++              c++         build run test bench
pkg-config       pkg-config  build run test bench cross
libreadline-dev  -           build run test bench
libxxhash-dev    -           build run test bench cross
unicode-data     -                 run test
libcmocka-dev    -                     test cross-clang
libpmem2-dev     -                     test cross-clang
liburcu-dev      -                     test cross-clang
mandoc           mandoc                test
cmake            cmake                 fuzz static coverage
clang            clang                 fuzz
libclang-rt-14-dev  -                  fuzz
pkg-config       pkg-config            fuzz static coverage
libreadline-dev  -                     fuzz static coverage
libxxhash-dev    -                     fuzz static coverage
gcc              gcc                   static coverage
g++              g++                   static coverage
clang-tidy       clang-tidy            static
cppcheck         cppcheck              static
gcovr            gcovr                 coverage
libcmocka-dev    -                     static coverage
libpmem2-dev     -                     static coverage
liburcu-dev      -                     static coverage
clang            clang                 cross-clang
musl-tools       musl-gcc              cross-musl
linux-libc-dev   -                     cross-musl
qemu-user        qemu-aarch64          cross-aarch64 cross-riscv64 cross-s390x cross-ppc64el cross-armhf
g++-aarch64-linux-gnu      aarch64-linux-gnu-g++      cross-aarch64
g++-riscv64-linux-gnu      riscv64-linux-gnu-g++      cross-riscv64
g++-s390x-linux-gnu        s390x-linux-gnu-g++        cross-s390x
g++-powerpc64le-linux-gnu  powerpc64le-linux-gnu-g++  cross-ppc64el
g++-arm-linux-gnueabihf    arm-linux-gnueabihf-g++    cross-armhf
g++-i686-linux-gnu         i686-linux-gnu-g++         cross-i386
'
wishes='
gnuplot-nox      gnuplot                    bench
libabsl-dev      -                          bench
libcds-dev       -                          bench
libck-dev        -                          bench
libcuckoo-dev    -                          bench
libdpdk-dev      -                          bench
libglib2.0-dev   -                     test bench
libtbb-dev       -                          bench
liburcu-dev      -                          bench
liburing-dev     -          build      test bench
libuv1-dev       -                     test
afl++            afl-fuzz                   fuzz
'

is_there() # PACKAGE COMMAND
{
	command -v "$2" >/dev/null ||
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

lacking() # LIST GOAL
{
	echo "$1" | while read -r package command goals; do
		case " $goals " in
		*" $2 "*) is_there "$package" "$command" || echo "$package" ;;
		esac
	done
}

apt_knows() # PACKAGE...
{
	for package; do
		apt-cache show "$package" >/dev/null 2>&1 || return
	done
}

apt_install() # PACKAGE...
{
	DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends "$@" </dev/null
}

# Installs what can be had, one by one: a package that this release lacks keeps back no other.
apt_install_optional() # PACKAGE...
{
	echo "make $goal: installing, if they are to be had, $*" >&2
	apt_knows "$@" || apt-get update || true
	for package; do
		apt_knows "$package" && apt_install "$package" || echo "make $goal: goes on without $package" >&2
	done
}

wish_for() # PACKAGE...
{
	[ $# -gt 0 ] || return 0
	if command -v dpkg-query >/dev/null && [ "$(id -u)" -eq 0 ]; then
		apt_install_optional "$@"
	else
		echo "make $goal goes on without what Debian calls: $*" >&2
	fi
}

goal=${1:?usage: packages.sh build|run|test|bench|cross|cross-MACHINE}
# word splitting is meant: one package, one word
# shellcheck disable=SC2046
wish_for $(lacking "$wishes" "$goal")
# shellcheck disable=SC2046
set -- $(lacking "$needs" "$goal")
[ $# -gt 0 ] || exit 0

if ! command -v dpkg-query >/dev/null; then
	echo "make $goal needs what Debian calls: $*" >&2
elif [ "$(id -u)" -eq 0 ]; then
	echo "make $goal: installing $*" >&2
	apt_knows "$@" || apt-get update
	# lists that are too old name files that are gone
	apt_install "$@" || { apt-get update && apt_install "$@"; }
else
	echo "make $goal lacks packages. As root: apt-get install --no-install-recommends $*" >&2
	exit 1
fi
