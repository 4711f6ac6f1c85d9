package worker

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/testing/lane"
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
	lane.Long(t, "starts processes")
	t.Parallel()
	for _, c := range []struct{ name, text, want string }{
		{"ends", "echo no database >&2; exit 3", "must print HOST:PORT in a line of its own on standard output, but printed nothing: no database"},
		{"prints something else", "echo WARNING: no config; echo listening on 127.0.0.1:1; exit 1", `but printed "WARNING: no config", "listening on 127.0.0.1:1"`},
		{"waits after something else", "echo listening on 127.0.0.1:1; " + waits, `within 600ms (raise --server-start-timeout), but printed "listening on 127.0.0.1:1": if it prints its address, its standard output may be buffered: flush it`},
		{"does not know its port", "echo 127.0.0.1:0; exit 1", `but printed "127.0.0.1:0"`},
		{"has no host", "echo :8080; exit 1", `but printed ":8080"`},
		{"prints a name that does not resolve", "echo workers.invalid:4; exit 1", `but printed "workers.invalid:4"`},
		{"does not end its line", "printf 127.0.0.1:1; " + waits, `but printed "127.0.0.1:1" without the end of the line`},
		{"never ends its line", "yes x | tr -d '\\n'; " + waits, `but printed "xxxx`},
		{"never stops", "yes; " + waits, `but printed "y", "y", "y", 997 lines more and went on: more than 1000 lines or 64 KiB are not read`},
		{"acts on the terminal", `printf '\033[2J\n'; exit 1`, `but printed "\x1b[2J"`},
		{"prints its address elsewhere", "echo starting >&2; echo 127.0.0.1:4711 >&2; " + waits, "127.0.0.1:4711 (its address is on standard error: print it on standard output)"},
		{"prints nothing", waits, "within 600ms (raise --server-start-timeout), but printed nothing: if it prints its address, its standard output may be buffered: flush it"},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := script(t, c.text)
			s.StartTimeout = 600 * time.Millisecond
			command, _, err := startCommand(t.Context(), s)
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

// TestLinesBeforeTheAddressAreReadOverAndShown:
//
//	fault:   a server binary prints lines before its address
//	promise: they are read over, up to 1000 lines or 64 KiB, and the first three are shown
//	figure:  the address is taken; a printed IP address or a name that resolves is one
func TestLinesBeforeTheAddressAreReadOverAndShown(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for _, c := range []struct {
		name, text, at string
		printed        []string
	}{
		{"at once", "echo 127.0.0.1:7", "127.0.0.1:7", nil},
		{"a warning", "echo WARNING: using default settings; echo 127.0.0.1:7", "127.0.0.1:7", []string{`"WARNING: using default settings"`}},
		{"a figure", "echo workers.invalid:4; echo localhost:7", "localhost:7", []string{`"workers.invalid:4"`}},
		{"empty lines", "echo; echo ' '; echo '[::1]:7'", "[::1]:7", nil},
		{"a carriage return", `printf 'hello\r\n127.0.0.1:7\r\n'`, "127.0.0.1:7", []string{`"hello"`}},
		{"many", "yes | head -n 500; echo 127.0.0.1:7", "127.0.0.1:7", []string{`"y"`, `"y"`, `"y"`}},
		{"a long line", "yes long | head -c 3000 | tr -d '\\n'; echo; echo 127.0.0.1:7", "127.0.0.1:7", []string{`"` + strings.Repeat("long", 15) + `…"`}},
		{"an address that ends with the output", "printf 127.0.0.1:7; exec >&-", "127.0.0.1:7", nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			command, at, err := startCommand(t.Context(), script(t, c.text+"; "+waits))
			if err != nil {
				t.Fatal(err)
			}
			defer command.stop()
			if at.Address != c.at || !slices.Equal(at.Printed, c.printed) {
				t.Errorf("%s after %q, want %s after %q", at.Address, at.Printed, c.at, c.printed)
			}
		})
	}
}

// A start may last minutes; the run's end must not wait for it, nor leave the program.
func TestAStartEndsWithTheRun(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	started := fifo(t)
	go func() {
		defer cancel()
		_, _ = os.ReadFile(started) // ends when the program has written and closed it
	}()
	s := script(t, "echo up >"+started+"; "+waits)
	s.StartTimeout = time.Hour
	if _, _, err := startCommand(ctx, s); !errors.Is(err, errStopped) {
		t.Errorf("%v, want that it was stopped", err)
	}
}

func TestAServerBinaryRunsInPlaceWhenAsked(t *testing.T) {
	lane.Long(t, "starts processes")
	sh, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := place(program, 0o700, bytes.NewReader(sh)); err != nil {
		t.Fatal(err)
	}
	s := script(t, "echo 127.0.0.1:7; read forever <"+fifo(t))
	s.Settings.ServerBinary, s.InPlace = program+" "+s.Settings.ServerBinary, true
	c, at, err := startCommand(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	defer c.stop()
	path, err := os.Readlink(fmt.Sprintf("/proc/%d/exe", c.cmd.Process.Pid))
	if sum := sha256.Sum256(sh); err != nil || path != program || at.SHA256 != hex.EncodeToString(sum[:]) {
		t.Errorf("runs %s of digest %s (%v), want the file itself", path, at.SHA256, err)
	}
}

// TestAServerBinaryThatCannotRunFromACopyHearsWhy:
//
//	fault:   a server binary cannot run from a copy: it needs the files beside it, or TMPDIR is noexec or full
//	promise: the sentence names the copy, TMPDIR and --server-in-place
//	figure:  no load
func TestAServerBinaryThatCannotRunFromACopyHearsWhy(t *testing.T) {
	temp := filepath.Dir(t.TempDir())
	other := errors.New("other")
	for _, c := range []struct {
		name   string
		err    error
		stderr string
		copied bool
		want   string
	}{
		{"noexec", &os.PathError{Op: "fork/exec", Path: "p", Err: syscall.EACCES}, "", true, "noexec? set TMPDIR to another folder, or give --server-in-place"},
		{"no room", &os.PathError{Op: "write", Path: "p", Err: syscall.ENOSPC}, "", true, "set TMPDIR to a folder with room, or give --server-in-place"},
		{"a library", other, "java: error while loading shared libraries: libjli.so: cannot open shared object file", true, "give --server-in-place, or start it by another program, as in 'env java …'"},
		{"its folder", other, "no modules in " + temp + "/copy/lib", true, "give --server-in-place"},
		{"something else", other, "no database", true, ""},
		{"in place", other, "java: error while loading shared libraries: libjli.so", false, ""},
		{"no permission in place", syscall.EACCES, "", false, ""},
	} {
		command := &command{name: "java", dir: temp + "/copy", copied: c.copied}
		fmt.Fprint(&command.stderr, c.stderr)
		got := command.whereItRan(c.err)
		if !strings.Contains(got, c.want) || (c.want == "") != (got == "") || c.want != "" && !strings.Contains(got, "copy") {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}

// A program of two files: the copy does not find the second.
func TestAProgramThatLooksBesideItselfIsToldOfItsCopy(t *testing.T) {
	lane.Long(t, "starts processes")
	sh, err := os.ReadFile("/bin/sh")
	if err != nil {
		t.Fatal(err)
	}
	program := filepath.Join(t.TempDir(), "program")
	if err := place(program, 0o700, bytes.NewReader(sh)); err != nil {
		t.Fatal(err)
	}
	s := script(t, `. "$(dirname "$(readlink /proc/$$/exe)")/beside"; `+waits)
	s.Settings.ServerBinary = program + " " + s.Settings.ServerBinary
	if err := place(filepath.Join(filepath.Dir(program), "beside"), 0o600, strings.NewReader("echo 127.0.0.1:7\n")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := startCommand(t.Context(), s); err == nil || !strings.Contains(err.Error(), "--server-in-place") {
		t.Errorf("%v, want the advice", err)
	}
	s.InPlace = true
	c, _, err := startCommand(t.Context(), s)
	if err != nil {
		t.Fatal(err)
	}
	c.stop()
}

func TestAServerBinaryThatIsNotThereIsNamed(t *testing.T) {
	_, _, err := startCommand(t.Context(), Serve{Settings: plan.Settings{ServerBinary: "/nonexistent/server {addr}"}})
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/server: ") || !strings.Contains(err.Error(), "no such file") {
		t.Errorf("%v, want the file and the system's reason", err)
	}
}

// TestAScriptWithoutItsInterpreterNamesIt: the system reports that there is no such file,
// though the script is there.
func TestAScriptWithoutItsInterpreterNamesIt(t *testing.T) {
	lane.Long(t, "starts processes")
	for line, want := range map[string]string{
		"#!/nonexistent/python3 -u": `the interpreter "/nonexistent/python3", which its first line names, does not exist`,
		"#!/bin/sh\r":               `the interpreter "/bin/sh\r", which its first line names, does not exist`,
	} {
		path := filepath.Join(t.TempDir(), "server")
		if err := place(path, 0o700, strings.NewReader(line+"\necho 127.0.0.1:1\n")); err != nil {
			t.Fatal(err)
		}
		_, _, err := startCommand(t.Context(), Serve{Settings: plan.Settings{ServerBinary: path + " {addr}"}})
		if err == nil || !strings.Contains(err.Error(), path+": "+want) {
			t.Errorf("%q: %v, want %s", line, err, want)
		}
	}
}

func TestAServerBinaryWithoutATemporaryDirectoryNamesTMPDIR(t *testing.T) {
	t.Setenv("TMPDIR", filepath.Join(t.TempDir(), "missing"))
	_, _, err := startCommand(t.Context(), Serve{Settings: plan.Settings{ServerBinary: "/bin/true {addr}"}})
	if err == nil || !strings.Contains(err.Error(), "--server-binary /bin/true: make a temporary directory (set TMPDIR to another folder): ") {
		t.Errorf("%v, want the variable", err)
	}
}

func TestTheCommandOfAServerBinaryIsFilledIn(t *testing.T) {
	lane.Long(t, "starts processes")
	said := filepath.Join(t.TempDir(), "said")
	s := script(t, `{ echo "$1"; cat "$2" "$3" "$4"; stat -c ' %a' "$3"; echo "$GREETING"; } >`+said+`; echo 127.0.0.1:7; echo more; `+waits,
		"{cert}", "{key}", "{ca}")
	c, at, err := startCommand(t.Context(), s)
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
	lane.Long(t, "starts processes")
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
		c, at, err := startCommand(t.Context(), s)
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

// A script that does not exec its server, and a server with workers, count too, in whatever
// group or session the server is.
func TestTheCPUOfAServerBinaryIsThatOfAllItStarted(t *testing.T) {
	lane.Long(t, "starts processes")
	for name, text := range map[string]string{
		"in its group":              "(while :; do :; done) & echo 127.0.0.1:7; wait",
		"in a session of its own":   "setsid sh -c 'echo 127.0.0.1:7; while :; do :; done' & wait",
		"in a group and a grandson": "setsid sh -c 'sh -c \"echo 127.0.0.1:7; while :; do :; done\" & wait' & wait",
		"started after its address": "echo 127.0.0.1:7; setsid sh -c 'while :; do :; done' & wait",
		"ended and was waited for":  "sh -c 'i=0; while [ $i -lt 300000 ]; do i=$((i+1)); done' & echo 127.0.0.1:7; wait; exec sleep 1000",
	} {
		t.Run(name, func(t *testing.T) {
			c, at, err := startCommand(t.Context(), script(t, text))
			if err != nil {
				t.Fatal(err)
			}
			defer c.stop()
			if len(at.PIDs) < 2 && !strings.HasPrefix(name, "started") {
				t.Fatalf("processes %v, want the script and its child", at.PIDs)
			}
			for most := int64(0); ; {
				alone, ok := probe.CPUOf(c.cmd.Process.Pid)
				all := c.read()
				if !ok || all.CPU == nil {
					t.Fatal("no clock")
				}
				if *all.CPU < most-2*10e6 { // what was waited for is known in ticks
					t.Fatalf("%d ns after %d", *all.CPU, most)
				}
				most = max(most, *all.CPU)
				if ended := len(c.pids()) == 1; most > alone+50e6 && (ended || !strings.HasPrefix(name, "ended")) { // the child has burnt 50 ms
					return
				}
			}
		})
	}
}

func TestAServerBinaryEndsWithAllItStartedWhateverItDoes(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	for name, text := range map[string]string{
		"ends when asked": "echo 127.0.0.1:7; exec sleep 1000",
		"does not listen": "trap '' TERM; (trap '' TERM; while :; do sleep 1; done) & echo 127.0.0.1:7; while :; do sleep 1; done",
		"has ended":       "echo 127.0.0.1:7",
		"left a child":    "sleep 1000 & echo 127.0.0.1:7",
		"left a session":  "setsid sh -c \"trap '' TERM; echo 127.0.0.1:7; while :; do sleep 1; done\" & wait",
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
			if name == "left a session" && len(a.Value.PIDs) < 2 {
				t.Errorf("processes %v, want the script and its child", a.Value.PIDs)
			}
			orders.Close() // as when the parent is gone
			if err := <-ended; err != nil {
				t.Fatal(err)
			}
			limit, cancel := context.WithTimeout(t.Context(), 10*time.Second)
			defer cancel()
			for _, pid := range a.Value.PIDs {
				// A process that was sent SIGKILL ends when it is scheduled next, and may be
				// waited for by no one yet, as a zombie.
				for {
					state, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
					if err != nil || strings.Contains(string(state), ") Z ") {
						break
					}
					if limit.Err() != nil {
						t.Fatalf("process %d is left: %s", pid, state)
					}
					runtime.Gosched()
				}
			}
		})
	}
}

func TestAServerBinaryThatEndsWhileItIsMeasuredIsNamed(t *testing.T) {
	lane.Long(t, "starts processes")
	c, _, err := startCommand(t.Context(), script(t, "echo 127.0.0.1:7; echo out of luck >&2; kill -9 $$"))
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
