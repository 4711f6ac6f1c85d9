package plan

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

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
		{"a comma in one of two commands", []string{"--vary", "server-binary=taskset -c 0,1 ./s {addr},./t {addr}", "--tls", "off"},
			`--vary server-binary "taskset -c 0": must hold {addr}, the address to listen on`},
		{"two commands and one", []string{"--vary", "server-binary=./s {addr},./t {addr}", "--vary", "server-binary=./u {addr}", "--tls", "off"},
			`--vary server-binary "./s {addr},./t {addr}": must be one command where it is given several times: {addr} is on both sides of a comma`},
		{"one command", []string{"--vary", "server-binary=./s {addr}", "--tls", "off"}, `--vary server-binary: must have two values or more, separated by commas`},
		{"a limit for no start", []string{"--server-start-timeout", "20s"}, `--server-start-timeout "20s": must come with --server-binary, the server that is started`},
		{"a limit for a target", []string{"--server-start-timeout", "20s", "h:1", "--tls", "off"}, `--server-start-timeout "20s": must come with --server-binary, the server that is started`},
		{"no limit", []string{"--server-start-timeout", "0s"}, `--server-start-timeout "0s": must be a duration in [100ms, 1h0m0s] as in 2.5s
--server-start-timeout "0s": must come with --server-binary, the server that is started`},
		{"no server in place", []string{"--server-in-place"}, `--server-in-place "true": must come with --server-binary, the server that is started`},
		{"a target", []string{"--server-binary", tlsCommand, "h:1"}, `--server-binary ./s {addr} {cert} {key}: cannot be used with a TARGET, which is a server already`},
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

func TestCommandsWithCommasAreVaried(t *testing.T) {
	args := []string{"--tls", "off", "--vary", "server-binary=taskset -c 0,1 ./old {addr}", "--vary", "server-binary=./new -a 1,2,3 {addr}", "--vary", "connections=1,2"}
	p, err := planned(t, args...)
	if err != nil {
		t.Fatal(err)
	}
	var commands []string
	for _, a := range p.Arms {
		commands = append(commands, a.Settings.ServerBinary)
	}
	const before, after = "taskset -c 0,1 ./old {addr}", "./new -a 1,2,3 {addr}"
	if diff := cmp.Diff([]string{before, after, before, before}, commands); diff != "" {
		t.Errorf("commands (-want +got):\n%s", diff)
	}
	_, err = planned(t, "--vary", "server-binary=taskset -c 0,1 ./s {addr},./t {addr}", "--tls", "off")
	if err == nil || !strings.Contains(err.Error(), "--vary server-binary: must be given once for each command if a command holds a comma") {
		t.Errorf("%v, want what to give", err)
	}
	// So are other values.
	p, err = planned(t, "h:1", "--tls", "off", "--vary", "metadata=k=a,b", "--vary", "metadata=none")
	if err != nil || len(p.Arms) != 3 || p.Arms[0].Secrets[0] != "a,b" {
		t.Errorf("%+v, %v: want the value with its comma", p.Arms, err)
	}
}

func TestASuitesCommandMayHoldCommas(t *testing.T) {
	const before, after = "taskset -c 0,1 ./old {addr}", "taskset -c 0,1 ./new {addr}"
	file := filepath.Join(t.TempDir(), "s.yaml")
	text := "settings: {tls: off}\nserver-start-timeout: 20s\nserver-in-place: true\ngroups:\n- name: builds\n  control: {server-binary: '" + before + "'}\n  arms: [{server-binary: '" + after + "'}]\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := planned(t, "--suite", file)
	if err != nil {
		t.Fatal(err)
	}
	if p.Arms[0].Settings.ServerBinary != before || p.Arms[1].Settings.ServerBinary != after {
		t.Errorf("%+v, want both commands whole", p.Arms)
	}
	if p.ServerStartTimeout != 20*time.Second || !p.ServerInPlace {
		t.Errorf("start %v, in place %v: want 20s and true", p.ServerStartTimeout, p.ServerInPlace)
	}
	// How long a start may take is not the question; where a program runs is part of it.
	patient, elsewhere := p, p
	patient.ServerStartTimeout, elsewhere.ServerInPlace = time.Minute, false
	if p.Hash() != patient.Hash() || p.Hash() == elsewhere.Hash() {
		t.Error("the hash must depend on where the program runs, and not on the limit of its start")
	}
}
