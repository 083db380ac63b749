# SPDX-License-Identifier: BSD-3-Clause

.PHONY: all setup demo test lint bench simulate differential fuzz senders clean

all: build/build.ninja
	ninja -C build

build/build.ninja:
	meson setup build

setup:
	tests/setup.sh

demo: setup build/build.ninja
	ninja -C build app/stsd app/stsctl
	tests/internet/demo.sh

test: setup
	tests/run.sh

lint: setup all
	tests/lint/all.sh

bench: setup all
	bench/all.sh

simulate: setup all
	nice build/tests/simulate 1

differential: setup all
	nice build/tests/differential 50000000

fuzz: setup
	tests/fuzz/run.sh 60

senders: setup all
	tests/senders/run.sh

clean:
	rm -rf build build-asan build-clang build-fuzz build-trixie
