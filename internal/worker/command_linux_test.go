package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
)

// script writes a shell script and returns the order to serve with it.
func script(t *testing.T, text string, words ...string) Serve {
	t.Helper()
	path := filepath.Join(t.TempDir(), "server")
	if err := place(path, 0o700, strings.NewReader("#!/bin/sh\n"+text+"\n")); err != nil {
		t.Fatal(err)
	}
	return Serve{
		Settings:    plan.Settings{ServerBinary: strings.Join(append([]string{path, plan.AddrPlace}, words...), " ")},
		CertPEM:     []byte("certificate"),
		KeyPEM:      []byte("key"),
		ClientCAPEM: []byte("authority"),
		Environment: append(os.Environ(), "GREETING=hello"),
	}
}

// waits keeps a script alive until a signal ends it.
const waits = "while :; do sleep 1; done"

func TestAServerBinaryThatDoesNotComeUpIsNamedWithItsLastWords(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"ends", "echo no database >&2; exit 3", "must say HOST:PORT in its first line on standard output, but said nothing: no database"},
		{"says something else", "echo listening on 127.0.0.1:1; " + waits, `not "listening on 127.0.0.1:1"`},
		{"does not know its port", "echo 127.0.0.1:0; " + waits, `not "127.0.0.1:0"`},
		{"never ends its line", "yes x | tr -d '\\n'; " + waits, `not "xxxx`},
		{"says nothing", waits, "within 5s"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := script(t, c.text)
			command, _, err := startCommand(s)
			if err == nil {
				command.stop()
				t.Fatal("started, want an error")
			}
			program, _, _ := strings.Cut(s.Settings.ServerBinary, " ")
			if !strings.HasPrefix(err.Error(), "--server-binary "+program+": ") || !strings.Contains(err.Error(), c.want) {
				t.Errorf("%v\nwant the program and %q", err, c.want)
			}
		})
	}
}

func TestAServerBinaryThatIsNotThereIsNamed(t *testing.T) {
	_, _, err := startCommand(Serve{Settings: plan.Settings{ServerBinary: "/nonexistent/server {addr}"}})
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/server: ") || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v, want the file and the system's reason", err)
	}
}

func TestTheCommandOfAServerBinaryIsFilledIn(t *testing.T) {
	said := filepath.Join(t.TempDir(), "said")
	s := script(t, `{ echo "$1"; cat "$2" "$3" "$4"; stat -c ' %a' "$3"; echo "$GREETING"; } >`+said+`; echo 127.0.0.1:7; echo more; `+waits,
		"{cert}", "{key}", "{ca}")
	c, at, err := startCommand(s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	got, err := os.ReadFile(said)
	if want := "127.0.0.1:0\ncertificatekeyauthority 600\nhello\n"; err != nil || string(got) != want {
		t.Errorf("the program saw %q (%v), want %q", got, err, want)
	}
	if at.Address != "127.0.0.1:7" || len(at.SHA256) != 64 || len(at.PIDs) == 0 {
		t.Errorf("%+v, want the address, the file's digest and the processes", at)
	}
}

// Arms of one file would share its code in memory, and one of another file would not:
// the A/A arm made its control faster than an equal build.
func TestAServerBinaryRunsFromACopyOfItsOwn(t *testing.T) {
	sh, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := place(program, 0o700, bytes.NewReader(sh)); err != nil {
		t.Fatal(err)
	}
	s := script(t, "echo 127.0.0.1:7; read forever <"+fifo(t))
	s.Settings.ServerBinary = program + " " + s.Settings.ServerBinary
	var files []os.FileInfo
	for range 2 {
		c, at, err := startCommand(s)
		if err != nil {
			t.Fatal(err)
		}
		defer c.stop()
		info, err := os.Stat(fmt.Sprintf("/proc/%d/exe", c.cmd.Process.Pid))
		if err != nil {
			t.Fatal(err)
		}
		files = append(files, info)
		if sum := sha256.Sum256(sh); at.SHA256 != hex.EncodeToString(sum[:]) {
			t.Errorf("digest %s, want the file's", at.SHA256)
		}
	}
	if os.SameFile(files[0], files[1]) {
		t.Errorf("both run %s, want a file each", files[0].Name())
	}
}

// fifo is a named pipe that nobody writes to.
func fifo(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "fifo")
	if err := syscall.Mkfifo(path, 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

// A script that does not exec its server, and a server with workers, count too.
func TestTheCPUOfAServerBinaryIsThatOfItsWholeGroup(t *testing.T) {
	c, at, err := startCommand(script(t, "(while :; do :; done) & echo 127.0.0.1:7; wait"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	if len(at.PIDs) != 2 {
		t.Fatalf("processes %v, want the script and its child", at.PIDs)
	}
	for {
		alone, ok := probe.CPUOf(c.cmd.Process.Pid)
		all := c.read(at.PIDs)
		if !ok || all.CPU == nil {
			t.Fatal("no clock")
		}
		if *all.CPU > alone+50e6 { // the child has burnt 50 ms
			return
		}
	}
}

func TestAServerBinaryEndsWithAllItStartedWhateverItDoes(t *testing.T) {
	t.Parallel()
	for name, text := range map[string]string{
		"ends when asked": "echo 127.0.0.1:7; exec sleep 1000",
		"does not listen": "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo 127.0.0.1:7; while :; do sleep 1; done",
		"has ended":       "echo 127.0.0.1:7",
		"left a child":    "sleep 1000 & echo 127.0.0.1:7",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			in, orders := io.Pipe()
			answers, out := io.Pipe()
			ended := make(chan error, 1)
			go func() { ended <- Host(context.Background(), in, out) }()
			s := script(t, text)
			if err := json.NewEncoder(orders).Encode(Order{Do: DoServe, Serve: &s}); err != nil {
				t.Fatal(err)
			}
			var a struct {
				Error string
				Value Listening
			}
			if err := json.NewDecoder(answers).Decode(&a); err != nil || a.Error != "" {
				t.Fatalf("%v, %s", err, a.Error)
			}
			orders.Close() // as when the parent is gone
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			for _, pid := range a.Value.PIDs {
				// What was killed may be waited for by no one yet, as a zombie.
				if state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid)); err == nil && !strings.Contains(string(state), ") Z ") {
					t.Errorf("process %d is left: %s", pid, state)
				}
			}
		})
	}
}

func TestAServerBinaryThatEndsWhileItIsMeasuredIsNamed(t *testing.T) {
	c, _, err := startCommand(script(t, "echo 127.0.0.1:7; echo out of luck >&2; kill -9 $$"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	<-c.ended
	err = c.failure()
	if err == nil || !strings.Contains(err.Error(), " ended: signal: killed: out of luck") {
		t.Errorf("%v, want how it ended and its last words", err)
	}
}
