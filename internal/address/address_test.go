package address_test

import (
	"fmt"
	"net"
	"runtime"
	"strings"
	"testing"

	"grpcbench/internal/address"
)

func TestAnAddressIsThatOfTCPOrOfAUnixSocket(t *testing.T) {
	for text, want := range map[string][3]string{
		"h:1":              {"tcp", "h:1", "h"},
		"[::1]:1":          {"tcp", "[::1]:1", "::1"},
		"unix.example:1":   {"tcp", "unix.example:1", "unix.example"},
		"unix:s.sock":      {"unix", "s.sock", "localhost"},
		"unix:./s.sock":    {"unix", "./s.sock", "localhost"},
		"unix:../s":        {"unix", "../s", "localhost"},
		"unix:/tmp/s":      {"unix", "/tmp/s", "localhost"},
		"unix:///tmp/s":    {"unix", "/tmp/s", "localhost"},
		"unix:////tmp/s":   {"unix", "//tmp/s", "localhost"},
		"unix:///tmp/a b":  {"unix", "/tmp/a b", "localhost"},
		"unix:///tmp/für":  {"unix", "/tmp/für", "localhost"},
		"unix:///tmp/a:1":  {"unix", "/tmp/a:1", "localhost"},
		"unix:1234":        {"unix", "1234", "localhost"}, // as grpc-go reads it
		"unix:/tmp/a@b=c,": {"unix", "/tmp/a@b=c,", "localhost"},

		"unix-abstract:s":       {"unix", "@s", "localhost"}, // as grpc-go reads them
		"unix-abstract:/run/s":  {"unix", "@/run/s", "localhost"},
		"unix-abstract:///s":    {"unix", "@/s", "localhost"},
		"unix-abstract:////s":   {"unix", "@//s", "localhost"},
		"unix-abstract:a:1":     {"unix", "@a:1", "localhost"},
		"unix-abstract.test:80": {"tcp", "unix-abstract.test:80", "unix-abstract.test"},
	} {
		network, to := address.Dial(text)
		if got := [3]string{network, to, address.Host(text)}; got != want {
			t.Errorf("%s: %v, want %v", text, got, want)
		}
		if err := address.Check(text); err != nil {
			t.Errorf("%s: %v", text, err)
		}
		if address.IsUnix(text) != (want[0] == "unix") {
			t.Errorf("%s: IsUnix %v", text, address.IsUnix(text))
		}
		if network != "unix" {
			continue
		}
		if _, again := address.Dial(address.Unix(to)); again != to {
			t.Errorf("%s: %s is written %s, which is %s", text, to, address.Unix(to), again)
		}
	}
}

func TestAnAddressThatCannotBeDialledIsRefused(t *testing.T) {
	// sun_path has 108 bytes on Linux and Windows, 104 on macOS and the BSDs.
	most, known := map[string]int{"linux": 107, "windows": 107}[runtime.GOOS]
	if !known {
		most = 103
	}
	for text, want := range map[string]string{
		"":                                   "must be HOST:PORT",
		":1":                                 "must be HOST:PORT",
		"h:0":                                "port must be in",
		"h:65536":                            "port must be in",
		"h:+1":                               "port must be in",
		"unix":                               "must be HOST:PORT",
		"unix:":                              "path of a socket",
		"unix://":                            "absolute path",
		"unix:///":                           "path of a socket",
		"unix://h/tmp/s":                     "absolute path",
		"unix://s":                           "absolute path",
		"unix:@s":                            "does not begin with @",
		"unix:/tmp/a%20b":                    "none of %, ? and #",
		"unix:/tmp/a?b":                      "none of %, ? and #",
		"unix:/tmp/a\x00b":                   "printable path",
		"unix:/tmp/\x1b[31m":                 "printable path",
		"unix:/" + strings.Repeat("a", most): fmt.Sprintf("at most %d bytes, not %d", most, most+1),

		"unix:@a":                 "an abstract socket is unix-abstract:NAME",
		"unix-abstract:":          "name of a socket",
		"unix-abstract:///":       "name of a socket",
		"unix-abstract://s":       "unix-abstract:///NAME",
		"unix-abstract://h/s":     "unix-abstract:///NAME",
		"unix-abstract:@s":        "without the @",
		"unix-abstract:a%00":      "none of %, ? and #",
		"unix-abstract:a\x00b":    "printable name",
		"unix-abstract:a\x1b[31m": "printable name",
		"unix-abstract:" + strings.Repeat("a", most+1): fmt.Sprintf("at most %d bytes, not %d", most, most+1),
	} {
		if err := address.Check(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	for _, text := range []string{"unix:/" + strings.Repeat("a", most-1), "unix-abstract:" + strings.Repeat("a", most)} {
		if err := address.Check(text); err != nil {
			t.Error(err)
		}
	}
}

// The longest path and the longest name are those that the system takes, no longer ones.
func TestTheLongestSocketIsWhatTheSystemTakes(t *testing.T) {
	t.Chdir(t.TempDir())
	for n, text := 90, ""; n < 130; n++ {
		if text = "unix:" + strings.Repeat("a", n); !agrees(text) {
			t.Errorf("%d bytes: Check says %v, the system otherwise", n, address.Check(text))
		}
		if text = "unix-abstract:" + strings.Repeat("a", n); runtime.GOOS == "linux" && !agrees(text) {
			t.Errorf("a name of %d bytes: Check says %v, the system otherwise", n, address.Check(text))
		}
	}
}

// agrees reports whether a socket can be made that Check accepts, or cannot be made.
func agrees(text string) bool {
	network, to := address.Dial(text)
	l, err := net.Listen(network, to)
	if err == nil {
		err = l.Close()
	}
	return (err == nil) == (address.Check(text) == nil)
}
