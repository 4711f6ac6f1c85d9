#!/bin/sh
# Runs every fuzz target of the module for a time each: fuzz.sh 30s. The targets
# are those that the test binaries list, so that a new one needs no entry here.
set -eu
cd "$(dirname "$0")/.."
time=${1:?usage: fuzz.sh TIME}

# Only packages that have one are listed: building a test binary takes seconds.
packages=$(grep -rl --include='*_test.go' '^func Fuzz' cmd internal | xargs -r -n1 dirname | sort -u)
count=0
for package in $packages; do
	for target in $(go test -list '^Fuzz' "./$package" | grep '^Fuzz'); do
		echo "== $package $target"
		# Making inputs small takes a minute each by default, longer than a target has.
		go test -run '^$' -fuzz "^$target\$" -fuzztime "$time" -fuzzminimizetime 100x "./$package"
		count=$((count + 1))
	done
done
echo "fuzzed $count targets for $time each"
