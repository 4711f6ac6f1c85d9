package ui_test

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// many writes n runs, an hour apart, and returns their ids in order of time. They are
// copies of one that was made small: what is shown of a list is in it whole.
func many(t testing.TB, dir string, n int) []string {
	t.Helper()
	r := template(t)
	for i := range r.Arms {
		r.Arms[i].Windows = nil
		r.Arms[i].Epochs = nil
	}
	r.Plan.Tags = map[string]string{"branch": "branch-00000", "commit": strings.Repeat("c", 40)}
	result.Examine(&r)
	var b bytes.Buffer
	if err := report.JSON(&b, r); err != nil {
		t.Fatal(err)
	}
	body, _, ok := strings.Cut(b.String(), ",\n  \"checksum\"")
	if !ok {
		t.Fatalf("no checksum in %.200s", b.String())
	}
	var ids []string
	for i := range n {
		at := r.Created.Add(time.Duration(i) * time.Hour)
		id := fmt.Sprintf("%s-%s", at.Format("20060102T150405Z"), "aaaaaaaa")
		text := strings.NewReplacer(r.ID, id, r.Created.Format(time.RFC3339), at.Format(time.RFC3339), "branch-00000", fmt.Sprintf("branch-%05d", i%100)).Replace(body)
		if err := os.Mkdir(filepath.Join(dir, id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id, result.FileName), result.Seal([]byte(text+"\n}")), 0o600); err != nil {
			t.Fatal(err)
		}
		ids = append(ids, id)
	}
	return ids
}

// BenchmarkRuns is how long the list of 10 000 runs takes, its index warm: the first
// page, one that is filtered, and one that is sorted. With RESULTS=DIR it is of the
// results there.
func BenchmarkRuns(b *testing.B) {
	dir := os.Getenv("RESULTS")
	if dir == "" {
		dir = b.TempDir()
		many(b, dir, 10_000)
	}
	s := serve(b, dir)
	for name, query := range map[string]string{"first": "", "filtered": "?q=branch-00042", "sorted": "?sort=commit&page=50"} {
		b.Run(name, func(b *testing.B) {
			var slowest time.Duration
			for b.Loop() {
				begun := time.Now()
				if got := s.ask(b, "/part/runs"+query, nil); got.code != 200 {
					b.Fatalf("%d %s", got.code, got.body)
				}
				slowest = max(slowest, time.Since(begun))
			}
			b.ReportMetric(float64(slowest.Microseconds())/1000, "ms-slowest")
		})
	}
}
