package plan_test

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/pem"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"

	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
)

// planOf is the plan of a command line.
func planOf(t *testing.T, args ...string) (plan.Plan, error) {
	t.Helper()
	var c plan.Config
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	c.Flags(fs)
	if err := fs.Parse(args); err != nil {
		t.Fatalf("parse %q: %v", args, err)
	}
	if fs.NArg() > 0 {
		c.TargetArg = fs.Arg(0)
	}
	return c.Plan()
}

func mustPlan(t *testing.T, args ...string) plan.Plan {
	t.Helper()
	p, err := planOf(t, args...)
	if err != nil {
		t.Fatalf("run %q: %v", args, err)
	}
	return p
}

func writeFile(t *testing.T, name, content string) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), name)
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func armNames(p plan.Plan) []string {
	var names []string
	for _, a := range p.Arms {
		names = append(names, a.Name)
	}
	return names
}

// The defaults are those of the design, section 5.
func TestOneSettingMeasuresOneArmWithTheDefaults(t *testing.T) {
	p := mustPlan(t, "--tls", "1.3", "--seed", "42")
	want := plan.Plan{
		Arms: []plan.Arm{{Name: "base", Settings: plan.Settings{
			TLS: "1.3", Key: "p256",
			Compression:         codec.Spec{Name: codec.None},
			ResponseCompression: plan.ResponseCodec{Mirror: true}, AcceptCompression: "none",
			Connections: 4, Engine: "grpc", Windows: "static",
		}}},
		Groups:         []plan.Group{{Name: "base", Control: "base", Arms: []string{"base"}}},
		Load:           plan.Load{Rate: 1500, Arrival: "poisson", Loop: "open", Concurrency: 64},
		Epochs:         plan.Epochs{Min: 10, Max: 10},
		Window:         3 * time.Second,
		Warmup:         time.Second,
		Drain:          10 * time.Second,
		ConnectTimeout: 5 * time.Second,
		Saturated:      300 * time.Millisecond,
		Seed:           42, AllowFailures: 0.01,
	}
	if diff := cmp.Diff(want, p); diff != "" {
		t.Errorf("plan (-want +got):\n%s", diff)
	}
}

func TestGivenValuesWinOverQuick(t *testing.T) {
	type figures struct {
		Epochs                    plan.Epochs
		Window, Warmup, Saturated time.Duration
	}
	for _, row := range []struct {
		name string
		args []string
		want figures
	}{
		{"quick alone", []string{"--quick"},
			figures{plan.Epochs{Min: 8, Max: 8}, time.Second, 500 * time.Millisecond, 100 * time.Millisecond}},
		{"given before", []string{"--epochs", "3", "--quick"},
			figures{plan.Epochs{Min: 3, Max: 3}, time.Second, 500 * time.Millisecond, 100 * time.Millisecond}},
		{"all given", []string{"--quick", "--epochs", "8..20", "--window", "2s", "--warmup", "0s"},
			figures{plan.Epochs{Min: 8, Max: 20}, 2 * time.Second, 0, 100 * time.Millisecond}},
	} {
		p := mustPlan(t, row.args...)
		got := figures{p.Epochs, p.Window, p.Warmup, p.Saturated}
		if got != row.want {
			t.Errorf("%s: got %+v, want %+v", row.name, got, row.want)
		}
	}
}

func TestTargetIsMeasuredGently(t *testing.T) {
	p := mustPlan(t, "example.org:443")
	if p.Load.Rate != 200 || p.Saturated != 0 {
		t.Errorf("rate %v RPC/s, saturated %v; want 200 and none", p.Load.Rate, p.Saturated)
	}
	if p.Target == nil || p.Target.Address != "example.org:443" {
		t.Errorf("target %+v, want example.org:443", p.Target)
	}
	s := p.Arms[0].Settings
	if s.Target != "example.org:443" || s.Key != "" {
		t.Errorf("arm's target %q and key %q, want example.org:443 and none", s.Target, s.Key)
	}
}

func TestClosedLoopHasNoRateAndNoSaturatedBlocks(t *testing.T) {
	p := mustPlan(t, "--loop", "closed", "--connections", "100")
	// Callers grow with the connections, or some would never be used.
	if want := (plan.Load{Loop: "closed", Concurrency: 100}); p.Load != want {
		t.Errorf("load %+v, want %+v", p.Load, want)
	}
	if p.Saturated != 0 || p.ArmRate() != 0 {
		t.Errorf("saturated %v, arm's rate %v; want none", p.Saturated, p.ArmRate())
	}
}

func TestSeedIsDrawnUnlessGiven(t *testing.T) {
	a, b := mustPlan(t, "--quick"), mustPlan(t, "--quick")
	if a.Seed == b.Seed {
		t.Errorf("two plans drew the seed %d", a.Seed)
	}
	if a.Seed >= 1<<53 {
		t.Errorf("seed %d: must be below 2^53", a.Seed)
	}
	if p := mustPlan(t, "--seed", "7"); p.Seed != 7 {
		t.Errorf("seed %d, want 7", p.Seed)
	}
}

func TestNameAndTagsArriveInThePlan(t *testing.T) {
	p := mustPlan(t, "--name", "before", "--tag", "commit=1a2b", "--tag", "host=laptop")
	if p.Name != "before" {
		t.Errorf("name %q, want before", p.Name)
	}
	if diff := cmp.Diff(map[string]string{"commit": "1a2b", "host": "laptop"}, p.Tags); diff != "" {
		t.Errorf("tags (-want +got):\n%s", diff)
	}
}

// pair returns the paths of a fresh certificate and its key.
func pair(t *testing.T) (cert, key string) {
	t.Helper()
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, private.Public(), private)
	if err != nil {
		t.Fatal(err)
	}
	keyDER, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		t.Fatal(err)
	}
	block := func(kind string, der []byte) string {
		return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
	}
	return writeFile(t, "client.crt", block("CERTIFICATE", der)), writeFile(t, "client.key", block("PRIVATE KEY", keyDER))
}

func TestFilesOfATargetAreReadAndNamedByTheirBase(t *testing.T) {
	cert, key := pair(t)
	p := mustPlan(t, "h:1", "--cacert", cert, "--cert", cert, "--key-file", key, "--server-name", "other", "--server-pid", "12")
	got := *p.Target
	if len(got.CACertPEM) == 0 || len(got.CertPEM) == 0 || len(got.KeyPEM) == 0 {
		t.Error("a file's content is missing")
	}
	got.CACertPEM, got.CertPEM, got.KeyPEM = nil, nil, nil
	want := plan.Target{Address: "h:1", CACert: "client.crt", Cert: "client.crt", KeyFile: "client.key", ServerName: "other", ServerPID: 12}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("target (-want +got):\n%s", diff)
	}
	if !p.Arms[0].Settings.MTLS {
		t.Error("a client certificate is given, and mutual TLS is off")
	}
	if p := mustPlan(t, "h:1", "--cert", cert, "--key-file", key, "--vary", "mtls=off,on"); p.Arms[0].Settings.MTLS || !p.Arms[1].Settings.MTLS {
		t.Error("--vary mtls=off,on is not obeyed beside --cert")
	}
}

func TestMismatchedKeyOfATargetIsRefused(t *testing.T) {
	cert, _ := pair(t)
	_, key := pair(t)
	_, err := planOf(t, "h:1", "--cert", cert, "--key-file", key)
	if err == nil || !strings.Contains(err.Error(), "--key-file") {
		t.Errorf("error %v, want one that names --key-file", err)
	}
	_, err = planOf(t, "h:1", "--cacert", key)
	if err == nil || !strings.Contains(err.Error(), "must hold a certificate") {
		t.Errorf("error %v, want one that misses a certificate", err)
	}
}
