package address_test

import (
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
	}
}

func TestAnAddressThatCannotBeDialledIsRefused(t *testing.T) {
	for text, want := range map[string]string{
		"":                                  "must be HOST:PORT",
		":1":                                "must be HOST:PORT",
		"h:0":                               "port must be in",
		"h:65536":                           "port must be in",
		"h:+1":                              "port must be in",
		"unix":                              "must be HOST:PORT",
		"unix:":                             "path of a socket",
		"unix://":                           "absolute path",
		"unix:///":                          "path of a socket",
		"unix://h/tmp/s":                    "absolute path",
		"unix://s":                          "absolute path",
		"unix:@s":                           "does not begin with @",
		"unix:/tmp/a%20b":                   "none of %, ? and #",
		"unix:/tmp/a?b":                     "none of %, ? and #",
		"unix:/tmp/a\x00b":                  "printable path",
		"unix:/tmp/\x1b[31m":                "printable path",
		"unix:/" + strings.Repeat("a", 107): "at most 107 bytes, not 108",
		"unix-abstract:s":                   "unix-abstract: is not supported (use unix:PATH)",
	} {
		if err := address.Check(text); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: error %v, want one with %q", text, err, want)
		}
	}
	if err := address.Check("unix:/" + strings.Repeat("a", 106)); err != nil {
		t.Error(err)
	}
}
