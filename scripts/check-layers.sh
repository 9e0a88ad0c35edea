#!/bin/sh
# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# check-layers.sh [TREE]: every file of include/, src/ and tools/ includes only what stands above its
# module in this table. Prints FILE:LINE of each line that does not, and fails. Headers that are not
# ours (<stdio.h>) do not count. A module is the path of a file below include/hashloom/, include/ or
# src/ without its suffix, so future.h and future.c are one; all of tools/ is the module "tools".
set -eu
cd "${1:-$(dirname "$0")/..}"

# group = modules
# module: the modules and groups that it may include besides itself
rules='
base:
errors:                base
atomic:                base
alloc:                 base atomic
futex:                 base atomic alloc
thread_stripe:         base atomic
lock:                  base atomic futex
FIRST_LINE = base atomic alloc futex thread_stripe

future:                FIRST_LINE

poller:                FIRST_LINE future
backoff:               FIRST_LINE poller
executor:              FIRST_LINE future runtime backoff lock thread
runtime:               FIRST_LINE future backoff executor
timers:                FIRST_LINE future lock thread
combine:               base atomic future timers
future_test:           FIRST_LINE future lock
thread:
numa:
vdm:                   FIRST_LINE future
memory:                FIRST_LINE vdm
data_mover_sync:       FIRST_LINE future vdm memory
data_mover_threads:    FIRST_LINE future vdm memory numa thread
data_mover_dsa:        FIRST_LINE future vdm memory data_mover_threads dsa_device dsa_plan thread
dsa_device:            FIRST_LINE future vdm memory data_mover_dsa
dsa_plan:              FIRST_LINE future vdm memory data_mover_dsa dsa_device
dsa_software:          FIRST_LINE future vdm memory data_mover_dsa dsa_device thread
dsa_hardware:          FIRST_LINE future vdm memory data_mover_dsa dsa_device
data_mover_dml:        FIRST_LINE future vdm memory data_mover_dsa
data_mover_sim:        FIRST_LINE future vdm memory
MOVERS = vdm data_mover_sync data_mover_threads data_mover_dsa data_mover_dml data_mover_sim

atomic_hash_array_core:   FIRST_LINE
atomic_hash_map_core:     FIRST_LINE atomic_hash_array_core
atomic_hash_map_check:    FIRST_LINE atomic_hash_array_core atomic_hash_map_core
atomic_hash_map_typed:    FIRST_LINE atomic_hash_array_core atomic_hash_map_core
atomic_hash_map:          FIRST_LINE atomic_hash_array_core atomic_hash_map_core
atomic_hash_map_urcu:     FIRST_LINE atomic_hash_array_core atomic_hash_map
atomic_hash_array_typed:  FIRST_LINE atomic_hash_map_typed
atomic_hash_array:        FIRST_LINE atomic_hash_array_core atomic_hash_map
intern:                   FIRST_LINE atomic_hash_array_core atomic_hash_map_core
MAPS = atomic_hash_array_core atomic_hash_array_typed atomic_hash_array atomic_hash_map_core atomic_hash_map_typed atomic_hash_map

async_hash_map:        FIRST_LINE future vdm MAPS

io:                    FIRST_LINE future io_backend thread
io_backend:            FIRST_LINE future io
io_uring:              FIRST_LINE future io io_backend
io_epoll:              FIRST_LINE future io io_backend thread

PUBLIC = base atomic alloc thread_stripe future future_test poller runtime timers combine MOVERS MAPS intern async_hash_map
hashloom:              PUBLIC
tools:                 PUBLIC hashloom

libminiasync/future:               future
libminiasync/runtime:              runtime
libminiasync/vdm:                  vdm
libminiasync/data_mover_sync:      data_mover_sync
libminiasync/data_mover_threads:   data_mover_threads
libminiasync:                      future runtime vdm data_mover_sync data_mover_threads
libminiasync-vdm-dml:              data_mover_dml
'

files=$(find include src tools -name '*.[ch]')
# shellcheck disable=SC2016
echo "$files" | sort | xargs env RULES="$rules" awk '
function fault(text)
{
	printf "%s:%d: %s\n", FILENAME, FNR, text
	faults++
}

function module_of(path)
{
	sub(/^(include\/hashloom|include|src)\//, "", path)
	sub(/^tools\/.*/, "tools", path)
	sub(/\.[ch]$/, "", path)
	return path
}

# the path of the header that an #include line names, or "" for one that is not ours
function header_of(line)
{
	if (line ~ /"/) {
		sub(/^[^"]*"/, "", line)
		sub(/".*/, "", line)
		return "src/" line
	}
	sub(/^[^<]*</, "", line)
	sub(/>.*/, "", line)
	return line ~ /^(hashloom|libminiasync)/ ? "include/" line : ""
}

function allow(module, words, word, parts, n, i)
{
	n = split(words, parts)
	for (i = 1; i <= n; i++) {
		word = parts[i]
		if (word in group)
			allow(module, group[word])
		else
			allowed[module, word] = 1
	}
}

BEGIN {
	n = split(ENVIRON["RULES"], lines, "\n")
	for (i = 1; i <= n; i++) {
		if (split(lines[i], side, / *= */) == 2)
			group[side[1]] = side[2]
		else if (split(lines[i], side, ":") == 2) {
			allow(side[1], side[1] " " side[2])
			known[side[1]] = 1
		}
	}
}

FNR == 1 {
	module = module_of(FILENAME)
	if (!(module in known))
		fault("the module \"" module "\" has no line in scripts/check-layers.sh")
}

/^[ \t]*#[ \t]*include/ {
	if ($0 !~ /["<]/) {
		fault("includes a macro, which cannot be checked")
		next
	}
	header = header_of($0)
	if (module == "tools" && header ~ /^src\/[^\/]*$/)
		next # one of its own
	if (header != "" && !((module, module_of(header)) in allowed))
		fault("\"" module "\" must not include \"" module_of(header) "\"")
}

END { exit faults > 0 }
'
