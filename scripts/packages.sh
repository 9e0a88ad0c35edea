#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# packages.sh GOAL: sees to the Debian packages that `make GOAL` needs (build, run, test or bench).
# Silent if all are there. Otherwise root installs those that are lacking; anybody else is told their
# names, with status 1. Where dpkg does not rule, it says what is needed, and the build goes on.
set -eu

# package, a command that does as well wherever it comes from (or -), the goals
needs='
cmake            cmake       build run test bench
gcc              cc          build run test bench
g++              c++         build run test bench
pkg-config       pkg-config  build run test bench
libreadline-dev  -           build run test bench
unicode-data     -                 run test
libcmocka-dev    -                     test
libpmem2-dev     -                     test
mandoc           mandoc                test
'

is_there() # PACKAGE COMMAND
{
	command -v "$2" >/dev/null ||
		[ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
}

lacking() # GOAL
{
	echo "$needs" | while read -r package command goals; do
		case " $goals " in
		*" $1 "*) is_there "$package" "$command" || echo "$package" ;;
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

goal=${1:?usage: packages.sh build|run|test|bench}
# word splitting is meant: one package, one word
# shellcheck disable=SC2046
set -- $(lacking "$goal")
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
