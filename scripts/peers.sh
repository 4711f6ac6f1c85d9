#!/bin/sh
# Gets what the tests against other makers' servers and proxies need: Debian's packages,
# @grpc/grpc-js from npm and connect-go from the Go module proxy, of the versions that
# stand beside their servers in testing/foreign/testdata, into bin/peers. What is there
# is not fetched again.
set -eu
cd "$(dirname "$0")/.."

missing=
for name in python3-grpcio libhdrhistogram-java default-jre-headless nginx-light haproxy; do
	dpkg-query -W -f '${Status}' "$name" 2>/dev/null | grep -q 'ok installed' || missing="$missing $name"
done
command -v nginx >/dev/null && missing=$(printf '%s' "$missing" | sed 's/ nginx-light//')
command -v npm >/dev/null || missing="$missing npm"
if [ -n "$missing" ]; then
	apt-get update -q
	# A proxy that is installed must not be started: the tests start their own.
	policy=/usr/sbin/policy-rc.d
	[ -e $policy ] || { printf '#!/bin/sh\nexit 101\n' >$policy && chmod +x $policy && trap 'rm -f /usr/sbin/policy-rc.d' EXIT; }
	# shellcheck disable=SC2086 # names without spaces, meant to be split
	apt-get install -yq --no-install-recommends $missing
fi

js=bin/peers/grpcjs
mkdir -p $js
cp testing/foreign/testdata/grpcjs/server.js testing/foreign/testdata/grpcjs/package.json testing/foreign/testdata/grpcjs/package-lock.json $js
[ -d $js/node_modules ] && cmp -s $js/package-lock.json $js/installed || {
	npm ci --silent --no-audit --no-fund --ignore-scripts --prefix $js
	cp $js/package-lock.json $js/installed
}
go build -C testing/foreign/testdata/connect -trimpath -o "$PWD/bin/peers/connect" .
