package report_test

import (
	"io"
	"strings"
	"testing"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// Which address of a name connections went to is said wherever a result is shown, and that
// the others were not measured.
func TestAddressesThatNoConnectionReachedAreSaid(t *testing.T) {
	forms := map[string]func(io.Writer, result.Result) error{
		"text":     func(w io.Writer, r result.Result) error { return report.Text(w, r, report.TextOptions{}) },
		"Markdown": func(w io.Writer, r result.Result) error { return report.Markdown(w, r) },
		"HTML":     func(w io.Writer, r result.Result) error { return report.HTML(w, r) },
		"JSON":     func(w io.Writer, r result.Result) error { return report.JSON(w, r) },
	}
	const many = "addresses, all connections went to"
	for _, of := range []struct {
		name     string
		target   string
		backends []result.Backend
		want     string // "": no sentence
		went     string // "": nothing
	}{
		{"one of two", "multi.test:1350", []result.Backend{{Address: "127.0.0.2:1350", Connections: 4}, {Address: "127.0.0.3:1350", Connections: 0}},
			"multi.test has 2 addresses, all connections went to 127.0.0.2", "connections 4 to 127.0.0.2:1350"},
		{"two of three", "multi.test:1", []result.Backend{{Address: "10.0.0.1:1", Connections: 3}, {Address: "10.0.0.2:1", Connections: 0}, {Address: "[2001:db8::1]:1", Connections: 1}},
			"multi.test has 3 addresses, all connections went to 2 of them", "connections 3 to 10.0.0.1:1, 1 to [2001:db8::1]:1"},
		{"one of two, IPv6", "multi.test:1", []result.Backend{{Address: "10.0.0.1:1", Connections: 0}, {Address: "[2001:db8::1]:1", Connections: 9}},
			"multi.test has 2 addresses, all connections went to 2001:db8::1", "connections 9 to [2001:db8::1]:1"},
		{"one connection", "multi.test:1", []result.Backend{{Address: "10.0.0.1:1", Connections: 0}, {Address: "10.0.0.2:1", Connections: 1}},
			"multi.test has 2 addresses, the connection went to 10.0.0.2", "connections 1 to 10.0.0.2:1"},
		{"all of two", "multi.test:1", []result.Backend{{Address: "10.0.0.1:1", Connections: 3}, {Address: "10.0.0.2:1", Connections: 1}}, "", "connections 3 to 10.0.0.1:1, 1 to 10.0.0.2:1"},
		{"a name of one address", "one.test:1", []result.Backend{{Address: "10.0.0.1:1", Connections: 3}}, "", "connections 3 to 10.0.0.1:1"},
		{"an address", "10.0.0.1:1", []result.Backend{{Address: "10.0.0.1:1", Connections: 3}}, "", ""},
		{"no connection", "multi.test:1", []result.Backend{{Address: "10.0.0.1:1", Connections: 0}, {Address: "10.0.0.2:1", Connections: 0}}, "", ""},
		{"an older tool", "multi.test:1", nil, "", ""},
	} {
		for kind, r := range map[string]result.Result{"run": stored(t), "handshake": openings()} {
			for i := range r.Arms {
				r.Arms[i].Settings.Target, r.Arms[i].Observed.Backends = of.target, of.backends
			}
			for form, write := range forms {
				text := strings.Join(strings.Fields(render(t, func(w io.Writer) error { return write(w, r) })), " ")
				if form == "JSON" {
					if strings.Contains(text, `"backends"`) != (of.backends != nil) {
						t.Errorf("%s: JSON of a %s: backends are there: %v", of.name, kind, of.backends == nil)
					}
					continue
				}
				if !strings.Contains(text, of.want) || of.want == "" && (strings.Contains(text, many) || strings.Contains(text, "the connection went to")) {
					t.Errorf("%s: %s of a %s must say %q alone", of.name, form, kind, of.want)
				}
				if form == "text" && !strings.Contains(of.went, ",") {
					continue // the sentence says it
				}
				if !strings.Contains(text, of.went) || of.went == "" && strings.Contains(text, " to 10.0.0.1") {
					t.Errorf("%s: %s of a %s must say %q", of.name, form, kind, of.went)
				}
			}
		}
	}
	e := echoed()
	e.Address, e.Connection.Remote, e.Connection.Addresses = "multi.test:1", "10.0.0.2:1", []string{"10.0.0.1", "10.0.0.2"}
	if text := strings.Join(strings.Fields(callText(t, e, report.CallOptions{})), " "); !strings.Contains(text, "multi.test has 2 addresses, the connection went to 10.0.0.2") {
		t.Errorf("the call does not say it:\n%s", text)
	}
	e.Connection.Addresses = []string{"10.0.0.2"}
	if text := callText(t, e, report.CallOptions{}); strings.Contains(text, "addresses") {
		t.Errorf("a call of a name of one address speaks of others:\n%s", text)
	}
}

// The own end of a Unix socket has no name, and nobody is on the way to it.
func TestACallOfAUnixSocketHasOneAddress(t *testing.T) {
	e := echoed()
	e.Address, e.Connection.Local, e.Connection.Remote, e.Connection.Addresses, e.Certificate = "unix:///run/s", "#1", "unix:/run/s", nil, nil
	text := callText(t, e, report.CallOptions{})
	if !strings.Contains(text, "address     unix:/run/s\n") || !strings.Contains(text, "plaintext, on this machine") || strings.Contains(text, "on the way") || strings.Contains(text, "#1") {
		t.Errorf("the call must have the socket's path alone:\n%s", text)
	}
}
