# SPDX-License-Identifier: BSD-3-Clause
# Copyright 2026, The Hashloom authors
#
# The front door. CMake does the work; CMakePresets.json holds the configurations.

JOBS ?= $(shell nproc)
PREFIX ?= /usr/local
UNICODE_DATA ?= /usr/share/unicode/UnicodeData.txt

# Sanitizers map fixed regions of memory, which a highly randomised address space can occupy.
FIXED_ADDRESSES := $(shell setarch $$(uname -m) -R true 2>/dev/null && echo setarch $$(uname -m) -R)

MAKEFLAGS += --no-print-directory
.NOTPARALLEL:
.PHONY: build run test bench bench-quick prove soak fuzz cross static coverage install clean help

build:
	@scripts/packages.sh build
	cmake --preset release -DHASHLOOM_TESTS=OFF -DHASHLOOM_BENCH=OFF -DHASHLOOM_WERROR=OFF
	cmake --build --preset release --parallel $(JOBS)

run:
	@scripts/packages.sh run
	cmake --preset release -DHASHLOOM_TESTS=OFF -DHASHLOOM_BENCH=OFF -DHASHLOOM_WERROR=OFF
	cmake --build --preset release --parallel $(JOBS) --target hashloom_program
	printf '%s\n' 'get 1F600' 'get 41' 'get 0' 'get FFFFF' stats quit | \
		build/release/hashloom kv $(UNICODE_DATA) --delimiter ';' --key-base 16

test: test-release test-asan test-tsan

test-%:
	@scripts/packages.sh test
	cmake --preset $*
	cmake --build --preset $* --parallel $(JOBS)
	$(FIXED_ADDRESSES) ctest --preset $*

BENCH_FILES := --json build/bench/results.json --markdown build/bench/results.md --tsv build/bench/results.tsv

bench: BENCH_MODE :=
bench-quick: BENCH_MODE := --quick
bench bench-quick:
	@scripts/packages.sh bench
	cmake --preset release -DHASHLOOM_TESTS=OFF
	cmake --build --preset release --parallel $(JOBS) --target bench_program
	mkdir -p build/bench
	build/release/hashloom-bench $(BENCH_MODE) $(BENCH_FILES)
	bench/plot.sh build/bench/results.tsv build/bench/plots

prove:
	@scripts/packages.sh test
	prove/prove.sh build/prove

MINUTES ?= 10

soak:
	@scripts/packages.sh test
	cmake --preset release
	cmake --build --preset release --parallel $(JOBS) --target soak
	build/release/prove/soak --minutes $(MINUTES)

fuzz:
	@scripts/packages.sh fuzz
	prove/fuzz/run.sh $(MINUTES)

ARCH ?= all

cross:
	@scripts/packages.sh cross
	scripts/cross.sh $(ARCH)

static:
	@scripts/packages.sh static
	scripts/static.sh build/static

coverage:
	@scripts/packages.sh coverage
	scripts/coverage.sh build/coverage

install: build
	cmake --install build/release --prefix $(PREFIX)

clean:
	rm -rf build

help:
	@echo 'make [build]    build the libraries and the program under build/release'
	@echo 'make run        look characters up in the Unicode table with build/release/hashloom'
	@echo 'make test       build and test three times: release, asan, tsan'
	@echo 'make test-NAME  one configuration: release, debug, asan, tsan or coverage'
	@echo 'make bench      run the benchmarks (10 minutes): build/bench/results.json, results.md, plots/'
	@echo 'make bench-quick  the same with fewer and smaller maps (1 minute)'
	@echo 'make prove      search schedules, check histories, plant mistakes (an hour): build/prove/report.md'
	@echo 'make soak       MINUTES=10: a mixed load, checked by walkers'
	@echo 'make fuzz       MINUTES=10: libFuzzer and AFL++ over maps, futures and the inputs of the program'
	@echo 'make cross      ARCH=all: build for other machines, and test there under qemu'
	@echo 'make static     what compilers and analysers find'
	@echo 'make coverage   lines and branches that the tests run'
	@echo 'make install    install under PREFIX ($(PREFIX))'
	@echo 'make clean      remove build/'
