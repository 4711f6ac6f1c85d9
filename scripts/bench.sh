#!/bin/sh
# Prints how fast the tool itself is: the recording path, histograms and codecs,
# then the promises about whole runs, or the NAMEd ones: bench.sh [NAME…]. It
# takes minutes and an idle machine.
set -eu
cd "$(dirname "$0")/.."
if [ $# -eq 0 ]; then
	go test -run '^$' -bench . -benchmem ./internal/load ./internal/hist ./internal/codec
fi
exec go run ./testing/benchmarks "$@"
