package plan

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/spf13/pflag"
)

// handshakePlan is what the flags of a handshake plan ask for.
func handshakePlan(t *testing.T, target string, args ...string) (Plan, error) {
	t.Helper()
	var c Config
	fs := pflag.NewFlagSet("handshake", pflag.ContinueOnError)
	c.HandshakeFlags(fs)
	if err := fs.Parse(args); err != nil {
		return Plan{}, err
	}
	c.TargetArg = target
	return c.Plan()
}

func TestHandshakesChangesOneThingAtATime(t *testing.T) {
	p, err := handshakePlan(t, "")
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, a := range p.Arms {
		names = append(names, a.Name)
		if a.Settings.Connections != 1 {
			t.Errorf("%s has %d connections, want one at a time", a.Name, a.Settings.Connections)
		}
	}
	want := "tls=off, tls=1.2, tls=1.3, key=rsa2048, key=ed25519, group=x25519, group=p256, group=x25519mlkem768, resumption=on, resumption=on (RESUMPTION OF 1.2), mtls=on, A/A"
	if got := strings.Join(names, ", "); got != want {
		t.Errorf("arms %s, want %s", got, want)
	}
	if p.Arms[0].Settings.TLS != Off || !p.Arms[len(p.Arms)-1].AA || p.Suite != "handshakes" || p.Kind != KindHandshake {
		t.Errorf("suite %s of kind %s: the zero line must come first, its equal last", p.Suite, p.Kind)
	}
	if h := *p.Handshakes; h.Count != 50 || h.Rate != 0 || h.Timeout != 5*time.Second || p.Saturated == 0 || p.Load.Concurrency != 8 {
		t.Errorf("%+v, %v saturated by %d: not the defaults", h, p.Saturated, p.Load.Concurrency)
	}
}

// With 40 connections twenty lie above the median: what a comparison needs.
func TestQuickHandshakesCanBeCompared(t *testing.T) {
	p, err := handshakePlan(t, "", "--quick")
	if err != nil || p.Handshakes.Count < 40 || p.Epochs.Min != 8 {
		t.Errorf("%+v, %v, %v", p.Handshakes, p.Epochs, err)
	}
}

// A server that is there already is asked for little, and never saturated.
func TestATargetIsNotOverrun(t *testing.T) {
	p, err := handshakePlan(t, "localhost:1", "--resumption", "on")
	if err != nil {
		t.Fatal(err)
	}
	if p.Handshakes.Rate != 20 || p.Saturated != 0 || p.Load.Concurrency != 1 {
		t.Errorf("rate %g, saturated %v by %d, want 20 and none", p.Handshakes.Rate, p.Saturated, p.Load.Concurrency)
	}
	if n := p.Handshakes.Of(p.Arms[0].Settings); n != 100 {
		t.Errorf("%d connections an epoch, want 50 and as many for their tickets", n)
	}
}

func TestWhatAHandshakeDoesNotHaveIsRefused(t *testing.T) {
	for _, c := range []struct {
		target string
		args   []string
		want   string
	}{
		{"", []string{"--vary", "compression=none,gzip:low"}, "--vary compression: cannot be used in a handshake plan"},
		{"", []string{"--vary", "connections=1,2"}, "cannot be used in a handshake plan"},
		{"", []string{"--window", "1s"}, "unknown flag: --window"},
		{"", []string{"--threshold", "p99<5ms"}, "unknown flag: --threshold"},
		{"", []string{"--handshakes", "0"}, "--handshakes"},
		{"", []string{"--timeout", "0s"}, "--timeout"},
		{"", []string{"--suite", "overheads"}, "--suite"},
		{"h:1", []string{"--concurrency", "4"}, "--concurrency 4: cannot be used with a TARGET"},
		{"h:1", []string{"--handshakes", "2000"}, "20000 connections to a TARGET are more than 10000"},
		{"h:1", []string{"--handshakes", "600", "--resumption", "on"}, "12000 connections to a TARGET"},
		{"h:1", []string{"--key", "p256"}, "cannot be used with a TARGET"},
	} {
		_, err := handshakePlan(t, c.target, c.args...)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%s %v: %v, want %q", c.target, c.args, err, c.want)
		}
	}
}

// A suite of a handshake plan has its options and no others.
func TestASuiteOfHandshakesHasNoLoad(t *testing.T) {
	var m mistakes
	parseSuite(KindHandshake, "s.yaml", []byte("window: 1s\nhandshakes: 10\ngroups:\n- {name: A, control: {tls: off}, arms: [{tls: 1.2}]}\n"), &m)
	if err := m.err(); err == nil || !strings.Contains(err.Error(), `"window": must be a known name`) || strings.Contains(err.Error(), "handshakes") {
		t.Errorf("%v, want window refused alone", err)
	}
}

func TestEachHandshakeOptionHasAReadableDefault(t *testing.T) {
	for _, o := range handshakeOptions() {
		if o.start != "" {
			if err := o.set(&draft{}, o.start); err != nil {
				t.Errorf("--%s %s: %v", o.name, o.start, err)
			}
		}
	}
	for _, name := range HandshakeSettings() {
		if !slices.Contains(settingNames(), name) {
			t.Errorf("%s is no setting", name)
		}
	}
}
