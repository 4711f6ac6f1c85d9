package probe

import (
	"net"
	"net/netip"
	"os"
	"testing"
)

func TestWhatIsOnThisMachine(t *testing.T) {
	name, err := os.Hostname()
	if err != nil {
		t.Fatal(err)
	}
	a := Addresses{own: map[netip.Addr]bool{netip.MustParseAddr("192.0.2.2"): true, netip.MustParseAddr("fe80::1"): true}}
	for address, want := range map[string]bool{
		"127.0.0.1:80": true, "127.0.0.2:80": true, "[::1]:80": true, "[::ffff:127.0.0.1]:80": true,
		"192.0.2.2:80": true, "[::ffff:192.0.2.2]:80": true, "[fe80::1%eth0]:80": true, "0.0.0.0:80": true,
		"192.0.2.3:80": false, "[2001:db8::1]:80": false, "10.0.0.1:80": false,
		"/run/server.sock": true, "@abstract": true,
		"unix:/run/a:1": true, "unix-abstract:s": true, "unix-abstract:a:1": true,
		"localhost:80": true, "LocalHost.:80": true, net.JoinHostPort(name, "80"): true, "api.example:80": false, "localhost.example:80": false,
	} {
		if got := a.Has(address); got != want {
			t.Errorf("%s: local %v, want %v", address, got, want)
		}
	}
}

func TestTheInterfacesOfThisMachineAreLocal(t *testing.T) {
	all, err := net.InterfaceAddrs()
	if err != nil || len(all) == 0 {
		t.Fatalf("interfaces %v: %v", all, err)
	}
	own := LocalAddresses()
	for _, one := range all {
		ip, _, err := net.ParseCIDR(one.String())
		if err != nil {
			t.Fatal(err)
		}
		if address := net.JoinHostPort(ip.String(), "80"); !own.Has(address) {
			t.Errorf("%s: must be local", address)
		}
	}
}
