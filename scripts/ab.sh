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
case " $* " in
*' --epochs'*) ;;
*) set -- --epochs 10..40 --max-time 10m "$@" ;;
esac
case " $* " in
*' --fail-on-regression'* | *' --threshold'*) ;;
*) set -- --fail-on-regression "$@" ;;
esac

dir=$(mktemp -d) repo=$PWD
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
go build -trimpath -o "$dir/grpc-bench" ./cmd/bench
for side in base head; do
	commit=$base
	test $side = base || commit=$head
	git worktree add --quiet --detach "$dir/src-$side" "$commit"
	(cd "$dir/src-$side" && go build -trimpath -o "$dir/$side" ./cmd/server)
done

cd "$dir" # so that the arms are named ./base and ./head
flags='--listen {addr} --cert {cert} --key-file {key}'
status=0
./grpc-bench run --results "$repo/results" --tag "base=$base" --tag "commit=$head" \
	--vary server-binary="./base $flags,./head $flags" \
	--format markdown "$@" >report.md || status=$?
cat report.md
test -z "${GITHUB_STEP_SUMMARY:-}" || cat report.md >>"$GITHUB_STEP_SUMMARY"
exit $status
