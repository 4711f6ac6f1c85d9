package ui

import (
	"fmt"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/history"
	"grpcbench/internal/result"
)

// some are runs that differ in all that a list can be sorted and filtered by, in order
// of time.
func some() []history.Run {
	at := func(hour int) time.Time { return time.Date(2026, 1, 2, hour, 0, 0, 0, time.UTC) }
	return []history.Run{
		{ID: "20260102T010000Z-aaaaaaaa", Created: at(1), Verdict: result.Valid, Suite: "overheads", Arms: 10, Commit: "bb", Plan: "p1", Tags: map[string]string{"branch": "main", "commit": "bb"}},
		{ID: "20260102T020000Z-bbbbbbbb", Created: at(2), Verdict: result.Invalid, Name: "Nightly", Target: "api.example:443", Arms: 1, Plan: "p2", Tags: map[string]string{"branch": "topic"}},
		{ID: "20260102T030000Z-cccccccc", Baseline: "v1", Created: at(3), Verdict: result.Degraded, Groups: []string{"tls", "metadata"}, Kind: "handshake", Arms: 4, Commit: "aa", Plan: "p1"},
		{ID: "20260102T040000Z-dddddddd", Created: at(4), Verdict: result.Valid, Name: "nightly", Arms: 4, Plan: "p1", Tags: map[string]string{"branch": "main"}},
	}
}

// letters are the runs' first letters in an order.
func letters(runs []*history.Run) string {
	text := ""
	for _, r := range runs {
		text += r.ID[17:18]
	}
	return text
}

func TestTheListIsFilteredAndSorted(t *testing.T) {
	t.Parallel()
	for query, want := range map[string]string{
		"": "dcba", "order=up": "abcd", "sort=begun&order=up": "abcd",
		"sort=run": "cadb", "sort=run&order=up": "dbac", // nightly and Nightly, Suite overheads, tls
		"sort=verdict&order=up": "cbda", "sort=arms": "adcb", "sort=arms&order=up": "bdca", "sort=commit": "acdb", "sort=commit&order=up": "dbca",
		"q=nightly": "db", "q=NIGHTLY": "db", "q=branch%3Dmain": "da", "q=branch%3Dmain+valid": "da", "q=overheads": "a", "q=p1": "dca", "q=api.example": "b",
		"q=handshake": "c", "q=metadata": "c", "q=baseline%3Av1": "c", "q=2026-01-02+03": "c", "q=dddd": "d", "q=nightly+invalid": "b", "q=nothing": "", "q=++": "dcba",
		"q=branch": "dba", "q=valid&sort=arms&order=up": "bda", // INVALID holds it too
	} {
		values, err := url.ParseQuery(query)
		if err != nil {
			t.Fatal(err)
		}
		l, err := parseListing(values)
		if err != nil {
			t.Fatal(err)
		}
		if got := letters(l.filtered(some())); got != want {
			t.Errorf("%q: %s, want %s", query, got, want)
		}
		again, err := parseListing(must(url.ParseQuery(strings.TrimPrefix(l.link(), "?"))))
		if err != nil || again != l {
			t.Errorf("%q: its link %s asks for %+v, %v", query, l.link(), again, err)
		}
	}
}

func must(values url.Values, _ error) url.Values { return values }

// TestARowSaysWhatTheRunWas: what stands in the list of each.
func TestARowSaysWhatTheRunWas(t *testing.T) {
	t.Parallel()
	l := listing{base: "20260102T010000Z-aaaaaaaa", new: "baseline:v1", sort: "begun", page: 3}
	runs := some()
	var got []string
	for i := range runs {
		r := l.row(&runs[i])
		tags := ""
		for _, tag := range r.Tags {
			tags += " " + tag.Text + " " + tag.Link
		}
		got = append(got, fmt.Sprint(r.Begun, " ", r.Name, " ", r.Verdict, " ", r.Tone, " ", r.Arms, " ", r.Commit, " ", r.Kind, tags, " ", r.Base, r.New))
	}
	want := []string{
		"2026-01-02 01:00 Suite overheads VALID good 10 bb 20260102T010000Z-aaaaaaaa branch=main ?base=20260102T010000Z-aaaaaaaa&new=baseline%3Av1&q=branch%3Dmain true false",
		"2026-01-02 02:00 Nightly INVALID bad 1  api.example:443 · 20260102T020000Z-bbbbbbbb branch=topic ?base=20260102T010000Z-aaaaaaaa&new=baseline%3Av1&q=branch%3Dtopic false false",
		"2026-01-02 03:00 tls · metadata DEGRADED doubt 4 aa handshake · baseline:v1 false true",
		"2026-01-02 04:00 nightly VALID good 4  20260102T040000Z-dddddddd branch=main ?base=20260102T010000Z-aaaaaaaa&new=baseline%3Av1&q=branch%3Dmain false false",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestNumbersAreGrouped(t *testing.T) {
	t.Parallel()
	for n, want := range map[int]string{0: "0 runs", 1: "1 run", 9999: "9999 runs", 10_000: "10 000 runs", 1_234_567: "1 234 567 runs"} {
		if got := countOf(n, n); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
	if got := countOf(3, 10_000); got != "3 of 10 000 runs" {
		t.Errorf("%q", got)
	}
}

// TestTextIsCutAndDoesNothing, whatever its length.
func TestTextIsCutAndDoesNothing(t *testing.T) {
	t.Parallel()
	for s, want := range map[string]string{
		"": "", "abc": "abc", "abcde": "abcde", "abcdef": "abcde…", "日本語日本": "日本語日本", "日本語日本語": "日本語日本…", "a\x1b[2J": "a\ufffd[2J",
		"a\nb\tc": "a b c", strings.Repeat("界", 1<<20): "界界界界界…", "\xff\xfe\xfd\xfc": "\ufffd\ufffd\ufffd\ufffd",
	} {
		if got := shown(s, 5); got != want {
			t.Errorf("%.20q: %q, want %q", s, got, want)
		}
	}
}
