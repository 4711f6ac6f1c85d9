#!/bin/sh
# Gets what the tests in a browser need: Debian's Chromium, its fonts, and axe-core
# from npm, of one version and checksum, into bin/. What is there is not fetched
# again.
set -eu
cd "$(dirname "$0")/.."

version=4.14.1
integrity=sha512-FHfa+lmNjQZfJz1q8wKqIDwC6DExcHt/pkjNQb09a3NPjCKg2rhu5qb2S4r76ASyFNNtuFooJpZe37OgudVGtQ==

missing=
for name in chromium fonts-inter fonts-liberation npm; do
	dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing="$missing $name"
done
command -v npm >/dev/null && missing=$(printf '%s' "$missing" | sed 's/ npm$//')
if [ -n "$missing" ]; then
	apt-get update -q
	# shellcheck disable=SC2086 # names without spaces, meant to be split
	apt-get install -yq --no-install-recommends $missing
fi

[ -f bin/axe-$version/axe.min.js ] && exit
temp=$(mktemp -d)
trap 'rm -rf "$temp"' EXIT
npm pack --silent --pack-destination "$temp" axe-core@$version >/dev/null
got=sha512-$(openssl dgst -sha512 -binary "$temp/axe-core-$version.tgz" | base64 -w 0)
[ "$got" = "$integrity" ] || { echo "axe-core $version: checksum $got, must be $integrity" >&2; exit 1; }
mkdir -p bin/axe-$version
tar -xzf "$temp/axe-core-$version.tgz" -C bin/axe-$version --strip-components 1 package/axe.min.js package/LICENSE
