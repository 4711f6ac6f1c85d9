#!/bin/sh
# Prints how fast the tool itself is: the recording path, histograms, codecs.
# Compare two printouts with benchstat; an idle machine is assumed.
set -eu
cd "$(dirname "$0")/.."
exec go test -run '^$' -bench . -benchmem -count "${COUNT:-3}" ./internal/load ./internal/hist ./internal/codec
