package plan_test

import (
	"encoding/json"
	"flag"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/plan"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestOverheadsIsTheBuiltInSuite(t *testing.T) {
	p := mustPlan(t, "--seed", "42")
	if named := mustPlan(t, "--seed", "42", "--suite", "overheads"); !cmp.Equal(p, named) {
		t.Errorf("no flags differ from --suite overheads:\n%s", cmp.Diff(p, named))
	}
	got, err := json.MarshalIndent(p, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	got = append(got, '\n')
	const golden = "testdata/overheads.json"
	if *update {
		if err := os.WriteFile(golden, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(golden)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), string(got)); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

// Ten arms and A/A, as the design has them; 1500 RPC/s over 11 arms.
func TestOverheadsHasTenArmsAndAA(t *testing.T) {
	p := mustPlan(t)
	want := []string{"tls=off", "tls=1.2", "tls=1.3", "tls=1.3 mtls=on", "metadata-size=1KiB", "metadata-size=1KiB:unique",
		"compression=none", "compression=gzip:low", "compression=gzip:high", "compression=deflate:medium", "A/A"}
	if diff := cmp.Diff(want, armNames(p)); diff != "" {
		t.Errorf("arms (-want +got):\n%s", diff)
	}
	if got := p.Groups[1].Control; got != "tls=1.3" {
		t.Errorf("control of METADATA %q, want the arm tls=1.3", got)
	}
	if p.ArmRate() != 1500.0/11 {
		t.Errorf("arm's rate %v RPC/s, want 1500/11", p.ArmRate())
	}
}

const nightly = `
rate: 600
window: 2s
tag: [team=storage, host=ci]
settings:
  connections: 2
  metadata: [authorization=token, trace-bin=xyz]
groups:
  - name: PAYLOAD
    control: {tls: off, payload: 1KiB}
    arms:
      - payload: 4KiB:json
        compression: gzip
      - {tls: 1.2}
  - name: BIG
    control: {payload: 1MiB}
    arms: [{compression: gzip}, {tls: 1.2}]
`

func TestSuiteFileIsAPlan(t *testing.T) {
	p := mustPlan(t, "--suite", writeFile(t, "nightly.yaml", nightly))
	if p.Suite != "nightly" || p.Load.Rate != 600 || p.Window != 2*time.Second {
		t.Errorf("suite %q, rate %v, window %v; want nightly, 600, 2s", p.Suite, p.Load.Rate, p.Window)
	}
	if diff := cmp.Diff(map[string]string{"team": "storage", "host": "ci"}, p.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
	// Arms differ from their own control; tls=1.2 is another arm in each group.
	want := []plan.Group{
		{Name: "PAYLOAD", Control: "compression=none", Arms: []string{"compression=none", "compression=gzip:medium payload=4KiB:json", "tls=1.2", "A/A"}},
		{Name: "BIG", Control: "compression=none (BIG)", Arms: []string{"compression=none (BIG)", "compression=gzip:medium", "tls=1.2 (BIG)"}},
	}
	if diff := cmp.Diff(want, p.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	for _, a := range p.Arms {
		keys := []plan.MetadataKey{{Name: "authorization", Bytes: 5}, {Name: "trace-bin", Bytes: 3}}
		if a.Settings.Connections != 2 || !cmp.Equal(a.Settings.Metadata, keys) || !cmp.Equal(a.Secrets, []string{"token", "xyz"}) {
			t.Errorf("arm %s does not have the settings of all arms: %+v", a.Name, a.Settings)
		}
	}
}

func TestFlagsOverrideTheSuiteFile(t *testing.T) {
	file := writeFile(t, "nightly.yaml", nightly)
	p := mustPlan(t, "--suite", file, "--rate", "60", "--connections", "1", "--metadata", "a=b", "--tag", "x=y")
	s := p.Arms[0].Settings
	if p.Load.Rate != 60 || s.Connections != 1 || len(s.Metadata) != 1 || len(p.Tags) != 1 || p.Window != 2*time.Second {
		t.Errorf("rate %v, connections %d, metadata %v, tags %v, window %v; want the flags' values and the file's window",
			p.Load.Rate, s.Connections, s.Metadata, p.Tags, p.Window)
	}
	_, err := planOf(t, "--suite", file, "--payload", "0")
	if want := `--payload: cannot be used, since group "PAYLOAD" of ` + file + ` sets it too`; err == nil || err.Error() != want {
		t.Errorf("got %v, want %s", err, want)
	}
}

// FILE stands for the path in the wanted sentences.
func TestSuiteMistakesNameLineAndColumn(t *testing.T) {
	const rest = "groups: [{name: A, control: {}, arms: [{tls: off}]}]\n"
	for _, row := range []struct{ name, file, want string }{
		{"unknown key", "windw: 3s\n" + rest, `FILE:1:1: key "windw": must be a known name, such as window`},
		{"unknown setting", "groups:\n- name: A\n  control: {}\n  arms:\n  - {conections: 2}\n",
			`FILE:5:6: key "conections": must be a known name, such as connections
group "A" of FILE: must have two different arms`},
		{"later key", rest + "gates: {}\n", `FILE:2:1: key "gates" is not supported by this version`},
		{"thresholds have a list", rest + "threshold: p50<5ms\n", `FILE:2:1: key "threshold": must be a known name, such as thresholds`},
		{"threshold", rest + "thresholds: [p50<5 parsecs]\n", `FILE:2:14: thresholds "p50<5 parsecs": value "5 parsecs": must be a duration as in 5ms, or a change as in +3%`},
		{"threshold of a group", "groups: [{name: A, control: {}, arms: [{tls: off}], thresholds: [\"p50>+5%\"]}]\n",
			`FILE:1:66: thresholds "p50>+5%": latency_p50>+5%: must have < or <=: a change is limited from above`},
		{"value out of bounds", "rate: -5\n" + rest, `FILE:1:7: rate "-5": must be RPC/s, above 0 and at most 10000000`},
		{"number is not rounded", "groups: [{name: A, control: {}, arms: [{tls: 1.20}]}]", `FILE:1:46: tls "1.20": must be off, 1.2 or 1.3`},
		{"list for one value", "epochs: [1, 2]\n" + rest, `FILE:1:9: epochs: must be one value, without anchors, aliases or tags`},
		{"nothing", "epochs:\n" + rest, `FILE:1:8: epochs: must be one value, without anchors, aliases or tags`},
		{"anchor", "name: &a x\n" + rest, `FILE:1:7: name: must be one value, without anchors, aliases or tags`},
		{"alias", "name: *a\n" + rest, `FILE:1:7: name: must be one value, without anchors, aliases or tags`},
		{"tag", "name: !!str x\n" + rest, `FILE:1:7: name: must be one value, without anchors, aliases or tags`},
		{"merge", "<<: {}\n" + rest, `FILE:1:1: key: must be a name, without anchors, aliases, tags or merges`},
		{"duplicate key", "rate: 1\nrate: 2\n" + rest, `FILE:2:1: mapping key "rate" already defined at [1:1]`},
		{"syntax", "rate: 1: 2\n", `FILE:1:7: mapping value is not allowed in this context`},
		{"tab", "settings:\n\ttls: off\n", `FILE:2:1: found character '	' that cannot start any token`},
		{"no groups", "rate: 1\n", `FILE: must have groups`},
		{"empty groups", "groups: []\n", `FILE:1:9: groups: must hold a group`},
		{"empty file", "", `FILE: must be one YAML document with groups`},
		{"two documents", rest + "---\n" + rest, `FILE: must be one YAML document with groups`},
		{"a list", "- a\n", "FILE:1:1: must be a mapping of names to values\nFILE: must have groups"},
		{"group without arms", "groups: [{name: A, control: {}}]\n", `FILE:1:11: group: must have arms`},
		{"empty arms", "groups: [{name: A, control: {}, arms: [], thresholds: [p99<5ms]}]\n", `FILE:1:39: arms: must hold an arm`},
		{"two groups of a name", "groups: [{name: A, control: {}, arms: [{tls: off}]}, {name: A, control: {}, arms: [{tls: 1.2}]}]\n",
			`FILE:1:55: group "A": must have a name of its own`},
		{"arm like its control", "groups: [{name: A, control: {}, arms: [{tls: 1.3}]}]\n", `group "A" of FILE: must have two different arms`},
		{"contradiction", "loop: closed\nrate: 5\n" + rest, `FILE:2:7: rate "5": cannot be used with --loop closed`},
		{"bundled and target", "groups: [{name: A, control: {}, arms: [{target: \"h:1\"}]}]\n",
			`target: must be set for every arm or for none, but target= and target=h:1 differ`},
		{"too large", strings.Repeat("#", 65<<10), `--suite "FILE": file must be at most 64KiB`},
	} {
		path := writeFile(t, "suite.yaml", row.file)
		_, err := planOf(t, "--suite", path)
		if err == nil {
			t.Errorf("%s: accepted, want %s", row.name, row.want)
			continue
		}
		if diff := cmp.Diff(row.want, strings.ReplaceAll(err.Error(), path, "FILE")); diff != "" {
			t.Errorf("%s (-want +got):\n%s", row.name, diff)
		}
	}
}
