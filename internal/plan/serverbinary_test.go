package plan

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/pflag"
)

// planned is the plan of a command line whose arguments may hold spaces.
func planned(t *testing.T, args ...string) (Plan, error) {
	t.Helper()
	var c Config
	fs := pflag.NewFlagSet("run", pflag.ContinueOnError)
	c.Flags(fs)
	if err := fs.Parse(append(args, "--seed", "1")); err != nil {
		t.Fatal(err)
	}
	if fs.NArg() > 0 {
		c.TargetArg = fs.Arg(0)
	}
	return c.Plan()
}

func TestCommandsThatCannotBeStartedAreRefused(t *testing.T) {
	const tlsCommand = "./s {addr} {cert} {key}"
	for _, c := range []struct {
		name string
		args []string
		want string
	}{
		{"nothing", []string{"--server-binary", " "}, `--server-binary " ": must be the command of a server`},
		{"quotes", []string{"--server-binary", `sh -c 'x' {addr}`}, `--server-binary "sh -c 'x' {addr}": must be words without quotes: put what needs a shell into a script`},
		{"control characters", []string{"--server-binary", "s\x1b {addr}"}, `--server-binary "s\x1b {addr}": must be words without quotes: put what needs a shell into a script`},
		{"no address", []string{"--server-binary", "./s"}, `--server-binary "./s": must hold {addr}, the address to listen on`},
		{"endless", []string{"--server-binary", "./s {addr}" + strings.Repeat(" x", 500)}, `": must be at most 1000 bytes: put what is longer into a script`},
		{"TLS without its files", []string{"--server-binary", "./s {addr} {cert}"}, `--server-binary ./s {addr} {cert}: must hold {cert} and {key}, the files of its certificate, or come with --tls off`},
		{"plaintext with a certificate", []string{"--server-binary", tlsCommand, "--tls", "off"}, `--server-binary ./s {addr} {cert} {key}: must not hold {cert} or {key} with --tls off`},
		{"mutual TLS without the authority", []string{"--server-binary", tlsCommand, "--mtls", "on"}, `--server-binary ./s {addr} {cert} {key}: must hold {ca}, the file of the client's authority, with --mtls on`},
		{"an authority for nobody", []string{"--server-binary", tlsCommand + " {ca}"}, `--server-binary ./s {addr} {cert} {key} {ca}: must not hold {ca} with --mtls off`},
		{"a target", []string{"--server-binary", tlsCommand, "h:1"}, `--server-binary ./s {addr} {cert} {key}: must be left out with a TARGET, which is a server already`},
	} {
		if _, err := planned(t, c.args...); err == nil || !strings.HasSuffix(err.Error(), c.want) {
			t.Errorf("%s: %v\nwant … %s", c.name, err, c.want)
		}
	}
}

func TestTwoBuildsAreTwoArmsAndOneQuestion(t *testing.T) {
	p, err := planned(t, "--vary", "server-binary=./old  {addr},./new {addr}", "--tls", "off", "--max-time", "1m")
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"server-binary=./old", "server-binary=./new", "A/A"}
	var names, commands []string
	for _, a := range p.Arms {
		names, commands = append(names, a.Name), append(commands, a.Settings.ServerBinary)
	}
	if diff := cmp.Diff(want, names); diff != "" {
		t.Errorf("arms (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff([]string{"./old {addr}", "./new {addr}", "./old {addr}"}, commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	// Of one program the whole commands tell the arms apart.
	flags, err := planned(t, "--vary", "server-binary=./s {addr},./s {addr} --x", "--tls", "off")
	if err != nil || flags.Arms[1].Name != "server-binary=./s {addr} --x" {
		t.Errorf("%v, %v", flags.Arms, err)
	}
	// Tomorrow's builds have other names and the question is the same.
	other, err := planned(t, "--vary", "server-binary=./b1 {addr},./b2 --x {addr}", "--tls", "off", "--max-time", "2m")
	if err != nil {
		t.Fatal(err)
	}
	if p.Hash() != other.Hash() {
		t.Error("plans of other builds have another hash, want the same")
	}
	if same, _ := planned(t, "--vary", "tls=off,1.3"); same.Hash() == p.Hash() {
		t.Error("another question has the same hash")
	}
}

func TestAServerBinaryIsOfEveryArmOrOfNone(t *testing.T) {
	var m mistakes
	checkArms([]Arm{{Name: "a", Settings: Settings{TLS: Off, ResponseCompression: ResponseCodec{Mirror: true}}}, {Name: "b", Settings: Settings{TLS: Off, ResponseCompression: ResponseCodec{Mirror: true}, ServerBinary: "./s {addr}"}}}, &m)
	if want := "server-binary: must be set for every arm or for none, but a and b differ"; m.err() == nil || m.err().Error() != want {
		t.Errorf("%v, want %q", m.err(), want)
	}
}
