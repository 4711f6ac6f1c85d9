package plan_test

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/internal/plan"
)

// The numbers are Python's:
// struct.unpack(">Q", hashlib.sha256(struct.pack(">QQ", seed, epoch) + arm).digest()[:8]).
func TestArmSeedDependsOnSeedEpochAndName(t *testing.T) {
	for _, row := range []struct {
		seed  uint64
		epoch int
		arm   string
		want  uint64
	}{
		{42, 0, "tls=1.3", 4944276919036862636},
		{42, 1, "tls=1.3", 12708762391737046909},
		{42, 0, "A/A", 641232583736900096},
	} {
		if got := plan.ArmSeed(row.seed, row.epoch, row.arm); got != row.want {
			t.Errorf("ArmSeed(%d, %d, %q) = %d, want %d", row.seed, row.epoch, row.arm, got, row.want)
		}
	}
}

func TestHashIsOfTheQuestionAlone(t *testing.T) {
	base := []string{"a:1", "--tls", "off", "--quick"}
	want := mustPlan(t, base...).Hash()
	if len(want) != 64 {
		t.Errorf("hash %q: must be 64 hexadecimal digits", want)
	}
	for _, same := range [][]string{
		{"b:2", "--tls", "off", "--quick"},
		append(base, "--name", "x", "--tag", "a=b", "--seed", "9"),
		append(base, "--epochs", "20", "--server-pid", "1"),
		append(base, "--connect-timeout", "20s"),
	} {
		if got := mustPlan(t, same...).Hash(); got != want {
			t.Errorf("run %q has another hash", same)
		}
	}
	for _, other := range [][]string{
		{"a:1", "--quick"},
		append(base, "--rate", "50"),
		append(base, "--window", "2s"),
		append(base, "--payload", "1KiB"),
	} {
		if got := mustPlan(t, other...).Hash(); got == want {
			t.Errorf("run %q has the same hash", other)
		}
	}
}

func TestArmsNamedByTheirAddressesAskTheSame(t *testing.T) {
	of := func(targets string) plan.Plan { return mustPlan(t, "--vary", "target="+targets, "--tls", "off") }
	a, b := of("a:1,b:1"), of("c:1,d:2")
	if a.Hash() != b.Hash() {
		t.Error("other addresses have another hash")
	}
	if a.Arms[1].Name != "target=b:1" || a.Groups[0].Arms[1] != "target=b:1" {
		t.Errorf("the plan itself was changed: %+v", a)
	}
	if a.Hash() == of("a:1,b:1,c:1").Hash() {
		t.Error("one arm more has the same hash")
	}
}

func TestArmIsFoundByName(t *testing.T) {
	p := plan.Plan{Arms: []plan.Arm{{Name: "a"}, {Name: "b"}}}
	if a, ok := p.Arm("b"); !ok || a.Name != "b" {
		t.Errorf("arm %+v, %v; want b", a, ok)
	}
	if a, ok := p.Arm("c"); ok {
		t.Errorf("arm %+v, want none", a)
	}
}

// What is kept back from storage is absent, and all else is there again.
func TestPlanSurvivesJSONWithoutItsSecrets(t *testing.T) {
	const canary = "s3cr3t-c4n4ry"
	body := writeFile(t, "body.bin", canary)
	t.Setenv("CANARY", canary)
	want := mustPlan(t, "--metadata", "a=env:CANARY", "--metadata", "b-bin="+canary, "--vary", "payload=@"+body+",4KiB:json,0",
		"--vary", "compression=gzip:none,zstd:5", "--response-payload", "2KiB", "--response-compression", "deflate:high",
		"--deadline", "50ms", "--metadata-size", "1KiB:unique:4:bin", "--tag", "k=v", "--max-time", "1m")
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(data), canary) {
		t.Errorf("the stored plan holds a metadata value or a file's content:\n%s", data)
	}
	for _, text := range []string{`"metadata_size":"1KiB:unique:4:bin"`, `"payload":"4KiB:json"`, `"payload":"@body.bin:13:`,
		`"compression":"gzip:none"`, `"response_compression":"deflate:high"`, `"deadline_ns":50000000`} {
		if !strings.Contains(string(data), text) {
			t.Errorf("the stored plan lacks %s:\n%s", text, data)
		}
	}
	var got plan.Plan
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	kept := []cmp.Option{cmpopts.IgnoreFields(plan.Arm{}, "Secrets"), cmpopts.IgnoreFields(plan.Blob{}, "Data")}
	if diff := cmp.Diff(want, got, kept...); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}
