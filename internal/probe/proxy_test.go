package probe

import (
	"net"
	"os"
	"slices"
	"testing"
)

func withoutProxies(t *testing.T) {
	for _, name := range []string{"grpc_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy", "NO_PROXY", "no_proxy", "no_grpc_proxy"} {
		t.Setenv(name, "")
	}
}

func TestEachVariableOfAProxyIsSeen(t *testing.T) {
	withoutProxies(t)
	if got := Proxies("api.example:443"); got != nil {
		t.Errorf("none is set: %q", got)
	}
	var all []string
	for _, name := range []string{"grpc_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		t.Run(name, func(t *testing.T) {
			t.Setenv(name, "http://user:secret@proxy:3128")
			if got := Proxies("api.example:443"); !slices.Equal(got, []string{name}) {
				t.Errorf("%q, want %s", got, name)
			}
		})
		all = append(all, name)
	}
	for _, name := range all {
		t.Setenv(name, "http://proxy:3128")
	}
	if got := Proxies("api.example:443"); !slices.Equal(got, all) {
		t.Errorf("%q, want all", got)
	}
}

// This machine has no proxy, and what NO_PROXY excepts neither, as curl, Go and gRPC read it.
func TestAProxyIsForWhatIsNotExcepted(t *testing.T) {
	withoutProxies(t)
	t.Setenv("HTTPS_PROXY", "http://proxy:3128")
	own, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	rows := []struct {
		address, except string
		used            bool
	}{
		{"api.example:443", "", true},
		{"192.0.2.1:443", "", true},
		{"[2001:db8::1]:443", "", true},
		{"localhost:443", "", false},
		{"LocalHost.:443", "", false},
		{"127.0.0.1:443", "", false},
		{"127.8.9.1:443", "", false},
		{"[::1]:443", "", false},
		{"[::ffff:127.0.0.1]:443", "", false},
		{"0.0.0.0:443", "", false},
		{net.JoinHostPort(own, "443"), "", false},
		{"unix:///run/s", "", false},
		{"api.example:443", "*", false},
		{"api.example:443", "api.example", false},
		{"API.Example:443", "other, api.example ", false},
		{"api.example:443", "example", false},
		{"api.example:443", ".example", false},
		{"api.example:443", "*.example", false},
		{"example:443", ".example", true},
		{"example:443", "example", false},
		{"notexample:443", "example", true},
		{"api.example:443", "api.example:443", false},
		{"api.example:443", "api.example:8443", true},
		{"api.example:443", "pi.example", true},
		{"192.0.2.1:443", "192.0.2.1", false},
		{"192.0.2.1:443", "192.0.2.0/24", false},
		{"192.0.2.1:443", "192.0.3.0/24", true},
		{"192.0.2.1:443", "192.0.2.1:80", true},
		{"192.0.2.1:443", "2.1", true},
		{"[2001:db8::1]:443", "2001:db8::1", false},
		{"[2001:db8::1]:443", "[2001:db8::1]:443", false},
		{"[2001:db8::1]:443", "2001:db8::/32", false},
		{"api.example:443", ",, ,", true},
		{"api.example:443", ".", true},
	}
	addresses, err := net.InterfaceAddrs()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addresses {
		ip, _, err := net.ParseCIDR(a.String())
		if err != nil {
			t.Fatal(err)
		}
		rows = append(rows, struct {
			address, except string
			used            bool
		}{net.JoinHostPort(ip.String(), "443"), "", false})
	}
	for _, r := range rows {
		for _, name := range []string{"NO_PROXY", "no_proxy", "no_grpc_proxy"} {
			t.Setenv(name, r.except)
			if got := Proxies(r.address) != nil; got != r.used {
				t.Errorf("%s with %s=%q: %t, want %t", r.address, name, r.except, got, r.used)
			}
			t.Setenv(name, "")
		}
	}
}
