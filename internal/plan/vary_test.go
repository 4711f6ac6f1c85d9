package plan_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/plan"
)

func TestOneVariedSettingNamesItsBaseByValue(t *testing.T) {
	p := mustPlan(t, "--vary", "tls=off,1.2,1.3")
	if diff := cmp.Diff([]string{"tls=off", "tls=1.2", "tls=1.3", "A/A"}, armNames(p)); diff != "" {
		t.Errorf("arms (-want +got):\n%s", diff)
	}
	want := []plan.Group{{Name: "tls", Control: "tls=off", Arms: []string{"tls=off", "tls=1.2", "tls=1.3", "A/A"}}}
	if diff := cmp.Diff(want, p.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
}

func TestSeveralVariedSettingsShareOneBase(t *testing.T) {
	p := mustPlan(t, "--vary", "tls=off,1.3", "--vary", "metadata-size=512,1KiB,1KiB:unique")
	want := []plan.Group{
		{Name: "tls", Control: "base", Arms: []string{"base", "tls=1.3", "A/A"}},
		{Name: "metadata-size", Control: "base", Arms: []string{"base", "metadata-size=1KiB", "metadata-size=1KiB:unique"}},
	}
	if diff := cmp.Diff(want, p.Groups); diff != "" {
		t.Errorf("groups (-want +got):\n%s", diff)
	}
	// One thing differs at a time: each arm keeps the other flag's first value.
	for _, row := range []struct{ arm, tls, size string }{
		{"base", "off", "512"}, {"tls=1.3", "1.3", "512"}, {"metadata-size=1KiB:unique", "off", "1KiB:unique"}, {"A/A", "off", "512"},
	} {
		a, ok := p.Arm(row.arm)
		if !ok || a.Settings.TLS != row.tls || a.Settings.MetadataSize.String() != row.size {
			t.Errorf("arm %s (%v): tls %s, metadata-size %s; want %s, %s", row.arm, ok, a.Settings.TLS, a.Settings.MetadataSize, row.tls, row.size)
		}
	}
}

func TestEqualArmsAreOneArm(t *testing.T) {
	p := mustPlan(t, "--vary", "payload=0,1KiB,1024,1024:text", "--aa", "off")
	if diff := cmp.Diff([]string{"payload=0", "payload=1KiB:text"}, armNames(p)); diff != "" {
		t.Errorf("arms (-want +got):\n%s", diff)
	}
}

func TestAAIsTheFirstControlAgainAndSharesTheRate(t *testing.T) {
	p := mustPlan(t, "--vary", "connections=1,4", "--rate", "900")
	last := p.Arms[len(p.Arms)-1]
	if last.Name != "A/A" || !last.AA {
		t.Fatalf("last arm %+v, want A/A", last)
	}
	control, _ := p.Arm("connections=1")
	if diff := cmp.Diff(control.Settings, last.Settings); diff != "" {
		t.Errorf("A/A differs from its control (-want +got):\n%s", diff)
	}
	// 900 RPC/s over two arms and A/A.
	if p.ArmRate() != 300 {
		t.Errorf("arm's rate %v RPC/s, want 300", p.ArmRate())
	}
	off := mustPlan(t, "--vary", "connections=1,4", "--rate", "900", "--aa", "off")
	if len(off.Arms) != 2 || off.ArmRate() != 450 {
		t.Errorf("--aa off: %q at %v RPC/s, want two arms at 450", armNames(off), off.ArmRate())
	}
}

func TestVaryAgreesWithTheSameFlagOfTheBaseValue(t *testing.T) {
	// 1024 and 1KiB are the same value.
	p := mustPlan(t, "--vary", "payload=1KiB,2KiB", "--payload", "1024", "--aa", "off")
	if diff := cmp.Diff([]string{"payload=1KiB:text", "payload=2KiB:text"}, armNames(p)); diff != "" {
		t.Errorf("arms (-want +got):\n%s", diff)
	}
}

func TestTargetsCanBeVaried(t *testing.T) {
	p := mustPlan(t, "--vary", "target=a:1337,b:1337", "--tls", "off")
	if diff := cmp.Diff([]string{"target=a:1337", "target=b:1337", "A/A"}, armNames(p)); diff != "" {
		t.Errorf("arms (-want +got):\n%s", diff)
	}
	if b, _ := p.Arm("target=b:1337"); b.Settings.Target != "b:1337" || p.Target.Address != "a:1337" {
		t.Errorf("targets %q and %q, want a:1337 first", p.Target.Address, b.Settings.Target)
	}
	if p := mustPlan(t, "a:1337", "--vary", "target=a:1337,b:1337"); len(p.Arms) != 3 {
		t.Errorf("TARGET as the first value: %q", armNames(p))
	}
}

// Two tokens of one name are two arms, though no name may tell them apart by
// the tokens.
func TestArmsThatDifferInASecretAreTwo(t *testing.T) {
	p := mustPlan(t, "--vary", "metadata=none,token=aaaa,token=bbbb", "--aa", "off")
	if diff := cmp.Diff([]string{"metadata=none", "metadata=token", "metadata=token (metadata)"}, armNames(p)); diff != "" {
		t.Errorf("arms (-want +got):\n%s", diff)
	}
	if got := []string{p.Arms[1].Secrets[0], p.Arms[2].Secrets[0]}; !slices.Equal(got, []string{"aaaa", "bbbb"}) {
		t.Errorf("values %q, want aaaa and bbbb", got)
	}
}

// Plaintext has neither key nor group, so what is given for them is the other
// arms'; and it is not a difference that an arm's name tells.
func TestKeyOfAPlaintextArmIsEmpty(t *testing.T) {
	p := mustPlan(t, "--vary", "tls=off,1.3", "--key", "ed25519", "--group", "x25519")
	off, _ := p.Arm("tls=off")
	on, _ := p.Arm("tls=1.3")
	if off.Settings.Key != "" || off.Settings.Group != "" || on.Settings.Key != "ed25519" || on.Settings.Group != "x25519" {
		t.Errorf("off %q %q, 1.3 %q %q; want none, and ed25519 x25519",
			off.Settings.Key, off.Settings.Group, on.Settings.Key, on.Settings.Group)
	}
}

func TestArmsAreBounded(t *testing.T) {
	list := "connections=1"
	for n := range 64 {
		list += "," + string(rune('2'+n%8)) + string(rune('0'+n/8))
	}
	if _, err := planOf(t, "--vary", list); err == nil || err.Error() != "arms: must be at most 64, not 65" {
		t.Errorf("65 arms: %v", err)
	}
}

// One letter is missing, missing, wrong, wrong.
func TestNearestNameIsTheOneMeant(t *testing.T) {
	for _, row := range []struct{ given, want string }{
		{"paylod", "payload"}, {"resumtion", "resumption"}, {"windovs", "windows"}, {"metadata_size", "metadata-size"},
	} {
		_, err := planOf(t, "--vary", row.given+"=1,2")
		want := `--vary "` + row.given + `": must be a known name, such as ` + row.want
		if err == nil || err.Error() != want {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}
