#!/bin/sh
# Is the server of one commit slower than that of another? Builds both and measures
# them side by side: ab.sh BASE HEAD [flags of grpc-bench run]. The exit code is that
# of the run: 3 if the gate failed. With GITHUB_STEP_SUMMARY set, the report goes there
# too.
set -eu
usage='usage: ab.sh BASE HEAD [flags of grpc-bench run]'
base=${1:?$usage} head=${2:?$usage}
shift 2
base=$(git rev-parse --verify "$base^{commit}") head=$(git rev-parse --verify "$head^{commit}")
repo=$(git rev-parse --show-toplevel)

# What the user asked for takes the place of what is asked here.
asked() {
	flag=$1
	shift
	case " $* " in
	*" $flag"[\ =]*) return 0 ;;
	esac
	return 1
}
serve='--listen {addr} --cert {cert} --key-file {key}'
if asked '--tls off' "$@" || asked --tls=off "$@"; then
	serve='--listen {addr} --tls off'
fi
asked --results "$@" || set -- --results "$repo/results" "$@"
if ! asked --epochs "$@"; then
	set -- --epochs 10..40 "$@"
	asked --max-time "$@" || set -- --max-time 10m "$@"
fi
asked --format "$@" || set -- --format markdown "$@"
asked --fail-on-regression "$@" || asked --threshold "$@" || set -- --fail-on-regression "$@"

dir=$(mktemp -d)
clean() {
	for side in base head; do
		git -C "$repo" worktree remove --force "$dir/src-$side" 2>/dev/null || true
	done
	rm -rf "$dir"
}
trap clean EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# The generator is of the commit that is checked out; only the servers differ.
(cd "$repo" && go build -trimpath -o "$dir/grpc-bench" ./cmd/bench)
for side in base head; do
	commit=$base
	test $side = base || commit=$head
	git -C "$repo" worktree add --quiet --detach "$dir/src-$side" "$commit"
	(cd "$dir/src-$side" && go build -trimpath -o "$dir/$side" ./cmd/server)
done

# Found by PATH the arms are named base and head, and files in flags are still found
# where they are.
status=0
PATH="$dir:$PATH" "$dir/grpc-bench" run --tag "base=$base" --tag "commit=$head" \
	--vary server-binary="base $serve,head $serve" "$@" >"$dir/report.md" || status=$?
cat "$dir/report.md"
test -z "${GITHUB_STEP_SUMMARY:-}" || cat "$dir/report.md" >>"$GITHUB_STEP_SUMMARY"
exit $status
