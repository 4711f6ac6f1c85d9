#!/bin/sh
# The project's rules that a search can check, each with its reason. It prints
# every violation as file:line: text and ends with 1 if there is one.
set -u
cd "$(dirname "$0")/.." || exit 1

code=$(find cmd internal proto testing -name '*.go' ! -name '*_test.go' ! -name '*.pb.go')
tests=$(find cmd internal proto testing -name '*_test.go')
# shellcheck disable=SC2086 # lists of names without spaces, meant to be split
inner=$(grep -L '^package main$' $code) # all that is not a program
broken=0

# report REASON: prints the violations on standard input under their reason.
report() {
	found=$(cat)
	[ -z "$found" ] && return
	printf '%s\n%s\n\n' "rule: $1" "$found"
	broken=1
}

# nowhere REASON PATTERN FILES…: no line of the files may match.
nowhere() {
	reason=$1 pattern=$2
	shift 2
	[ $# -eq 0 ] || report "$reason" <<END
$(grep -nHE -e "$pattern" "$@")
END
}

# rule REASON PATTERN FILES…: no line of code may match, but one that says why it
# is unreachable.
rule() {
	reason=$1 pattern=$2
	shift 2
	[ $# -eq 0 ] || report "$reason" <<END
$(grep -nHE -e "$pattern" "$@" | grep -vE '^[^:]+:[0-9]+:[[:space:]]*//|// unreachable: ')
END
}

# except PATTERN FILES…: the files whose names do not match.
except() {
	pattern=$1
	shift
	printf '%s\n' "$@" | grep -vE "$pattern"
}

# Tests that wait in real time, each for what no fake time reaches: truth holds the tool
# against servers that are late by a known time; a process is frozen or away for one; one
# under limits takes a second of traffic before they are narrowed.
real='^testing/(truth/|faults/server_faults_linux_test\.go|faults/limits_linux_test\.go)'

# shellcheck disable=SC2086 # lists of names without spaces, meant to be split
{
	rule 'a test waits in fake time: a real sleep is slow, or too short' \
		'\btime\.Sleep\(' $(grep -L '"testing/synctest"' $tests)
	rule 'a test waits in fake time: <-time.After is a sleep too, unless it is the case of a select that ends a wait for something else' \
		'(^|[^e[:space:]])[[:space:]]*<-time\.(After|Tick|NewTimer)\(' $(except "$real" $(grep -L '"testing/synctest"' $tests))
	rule 'a skipped test says that all is well; lane.Long is the one skip, and of go test -short alone' \
		'\b(t|b|tb|f)\.Skip(Now|f)?\(' $tests $(except '^testing/lane/lane\.go' $code)
	rule 'time.After and time.Tick count from when they are called, so their lateness adds up' \
		'\btime\.(After|Tick)\(' $code
	rule 'only programs print: the answer is on standard output alone' \
		'\bfmt\.Print|\bos\.Std(out|err)\b|^(import )?[[:space:]]*"log(/slog)?"|^[[:space:]]*print(ln)?\(' $inner
	rule 'only programs end the process' '\bos\.Exit\(|\blog\.Fatal' $inner
	rule 'what runs before main cannot be tested or ordered' '^func init\(\)' $code
	rule 'no input may end the process; what cannot happen says so: // unreachable: …' \
		'(^|[^[:alnum:]_.])panic\(' $inner
	nowhere 'a silenced linter hides the next finding too' '//[[:space:]]*(nolint|lint:)' $code $tests
	nowhere 'what is to be done is done, or is not in the code' '\b(TODO|FIXME|XXX)\b' $code $tests
	rule 'grpc.NewClient: Dial and WithBlock hide why a connection fails' \
		'\bgrpc\.(Dial|DialContext|WithBlock)\b' $code $tests
	rule 'RPCs are counted at the call site: a stats.Handler sees transparent retries too; one call may be watched by it' \
		'"google\.golang\.org/grpc/stats"' $(except '^internal/exchange/' $code)
	rule 'one place starts processes; probe asks git, verify has a neighbour, the benchmarks compare with others, and a browser and foreign servers are for tests' \
		'"os/exec"' $(except '^(internal/(runner|worker|probe|verify)|testing/(benchmarks|browser|foreign))/' $code)
	rule 'one place trusts markup: what it lets through acts in a browser' \
		'\btemplate\.(HTML|HTMLAttr|JS|JSStr|CSS|URL|Srcset)\b|"text/template"' $(except '^internal/webpage/webpage\.go' $code)
	rule 'one place can switch verification off, and a flag asks it to' \
		'InsecureSkipVerify[[:space:]]*(:|=[^=])' $(except '^internal/(channel/tls\.go|plan/)' $code)
	rule 'results and keys are written whole or not at all, by the packages that know how' \
		'\bos\.(WriteFile|Create)\(' $(except '^(internal/(result|certs)|testing/(mutants|foreign))/' $code)
	rule 'math/rand/v2 from the seed of the plan, so that a run can be repeated' '"math/rand"' $code $tests
	rule 'a package is named after what it knows' \
		'^package (util|utils|common|helpers?|types|models|misc)$' $code $tests

	report 'a function fits on a screen and a half: at most 80 lines' <<END
$(awk '
	/^func / { name = $0; start = FNR }
	/^}/ && start { if (FNR - start >= 80) print FILENAME ":" start ": " FNR - start + 1 " lines: " name; start = 0 }
	/^func .*}$/ { start = 0 }' $code $tests)
END
	report 'a file holds one idea: at most 600 lines' <<END
$(awk 'FNR == 601 { print FILENAME ":601: longer than 600 lines" }' $code $tests)
END
}
exit $broken
