package plan_test

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
)

// An arm announces the codecs that it is about. Stored settings without any are those of
// tools that announced all.
func TestAnArmAnnouncesWhatItIsAbout(t *testing.T) {
	const echo = "--payload 1KiB "
	for _, of := range []struct {
		args string
		want []string
	}{
		{"--tls off", nil},
		{"--compression gzip", []string{"gzip"}},
		{"--compression deflate:none", []string{"deflate"}},
		{echo + "--response-compression zstd", []string{"zstd"}},
		{echo + "--compression gzip --response-compression deflate:none", []string{"gzip", "deflate"}},
		{echo + "--compression gzip --response-compression none", []string{"gzip"}},
		{"--accept-compression zstd,gzip,gzip", []string{"gzip", "zstd"}},
		{"--accept-compression none", nil},
		{"--compression gzip --accept-compression default", []string{"gzip"}},
	} {
		s := mustPlan(t, strings.Fields(of.args)...).Arms[0].Settings
		if got := s.Accepts(); !slices.Equal(got, of.want) {
			t.Errorf("%s: announces %q, want %q", of.args, got, of.want)
		}
	}
	if got := (plan.Settings{}).Accepts(); !slices.Equal(got, codec.Names()) {
		t.Errorf("stored settings without it: announces %q, want all", got)
	}
}

func TestWhatIsAnnouncedIsPartOfThePlan(t *testing.T) {
	a, b := mustPlan(t, "--tls", "off"), mustPlan(t, "--tls", "off", "--accept-compression", "gzip")
	if a.Hash() == b.Hash() {
		t.Error("plans that announce different codecs must not be of one hash")
	}
}

// TestOlderPlansAnnouncedEveryCodec: older.json is as a build wrote it that had neither
// --accept-compression nor --connect-timeout.
func TestOlderPlansAnnouncedEveryCodec(t *testing.T) {
	data, err := os.ReadFile("testdata/older.json")
	if err != nil {
		t.Fatal(err)
	}
	var older plan.Plan
	if err := json.Unmarshal(data, &older); err != nil {
		t.Fatal(err)
	}
	args := []string{"--tls", "off", "--vary", "compression=none,gzip:low"}
	for _, of := range []struct {
		accepts string
		same    bool
	}{
		{"gzip,deflate,zstd", true},
		{"gzip,deflate", false},
		{"default", false}, // today each arm announces the codecs that it is about
	} {
		p := mustPlan(t, append(args, "--accept-compression", of.accepts)...)
		if got := p.Hash() == older.Hash(); got != of.same {
			t.Errorf("--accept-compression %s asks the same as an older plan: %v, want %v", of.accepts, got, of.same)
		}
	}
	if got := older.Question().Arms[0].Settings.AcceptCompression; got != "gzip,deflate,zstd" || older.Arms[0].Settings.AcceptCompression != "" {
		t.Errorf("the question announces %q, want all by name; the plan itself %q", got, older.Arms[0].Settings.AcceptCompression)
	}
}
