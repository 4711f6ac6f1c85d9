package main

import (
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"grpcbench/internal/plan"
)

// TestAnUnknownFlagNamesTheNearest: also one that is spelled as other tools do. What follows
// the name may be secret and is not repeated.
func TestAnUnknownFlagNamesTheNearest(t *testing.T) {
	for args, want := range map[string]string{
		"run --windw 1s":              "unknown flag: --windw; did you mean --window?",
		"run --max_time=s3cret":       "unknown flag: --max; did you mean --max-time?",
		"run --maxTime 1s":            "unknown flag: --max; did you mean --max-time?",
		"run --Window 1s":             "unknown flag; did you mean --window?",
		"run -window 1s":              "unknown flag -w: must be --NAME, with two dashes; did you mean --window?",
		"run -window=s3cret":          "unknown flag -w: must be --NAME, with two dashes; did you mean --window?",
		"ceiling --treshold p99<5ms":  "unknown flag: --treshold",
		"run --nothing-of-the-kind 1": "unknown flag: --nothing-of-the-kind",
	} {
		code, stdout, stderr := command(t, strings.Fields(args)...)
		if code != exitUsage || stdout != "" || stderr != "grpc-bench: "+want+"\n" {
			t.Errorf("%s: exit code %d, %q on stdout, stderr %q, want %q", args, code, stdout, stderr, want)
		}
	}
}

// TestTheReadmeHasEveryFlag: its table has those of run, each once, and in the first six rows
// those that --vary takes.
func TestTheReadmeHasEveryFlag(t *testing.T) {
	text, err := os.ReadFile("../../README.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, found := strings.Cut(string(text), "| what | flags |\n|---|---|\n")
	table, _, ended := strings.Cut(table, "\n\n")
	rows := strings.Split(table, "\n")
	if !found || !ended || len(rows) < 6 {
		t.Fatalf("README.md has no table of flags")
	}
	flag := regexp.MustCompile("`--([a-z-]+)")
	in := func(rows []string) (names []string) {
		for _, m := range flag.FindAllStringSubmatch(strings.Join(rows, "\n"), -1) {
			names = append(names, m[1])
		}
		slices.Sort(names)
		return names
	}
	var all, varied []string
	newRunCommand().Flags().VisitAll(func(f *pflag.Flag) { all = append(all, f.Name) })
	for _, name := range plan.Offers()["vary"] {
		if name = strings.TrimSuffix(name, "="); name != "target" {
			varied = append(varied, name)
		}
	}
	slices.Sort(varied)
	if diff := cmp.Diff(all, in(rows)); diff != "" {
		t.Errorf("flags of run (-) and of README.md (+):\n%s", diff)
	}
	if diff := cmp.Diff(varied, in(rows[:6])); diff != "" {
		t.Errorf("what --vary takes (-) and the first six rows of README.md (+):\n%s", diff)
	}
}
