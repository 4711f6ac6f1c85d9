#!/bin/sh
# Runs the tests that carry a build tag, and no others: tagged.sh TAG [go test
# flags]. It is an error if there is none.
set -eu
cd "$(dirname "$0")/.."
tag=${1:?usage: tagged.sh TAG [go test flags]}
shift

files=$(grep -rl --include='*_test.go' "^//go:build $tag\( && linux\)\?\$" cmd internal testing) ||
	{ echo "no test carries the tag $tag" >&2; exit 1; }
# shellcheck disable=SC2086 # names without spaces, meant to be split
names=$(sed -n 's/^func \(Test[[:alnum:]_]*\)(t .*/\1/p' $files | paste -sd '|' -)
# shellcheck disable=SC2086
packages=$(dirname $files | sort -u | sed 's|^|./|')
# shellcheck disable=SC2086
exec go test -tags "$tag" -run "^($names)\$" "$@" $packages
