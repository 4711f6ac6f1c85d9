package probe

import (
	"net"
	"net/netip"
	"os"
	"strings"

	"grpcbench/internal/address"
)

// Addresses are those of this machine's network interfaces, in this process's network
// namespace. The zero value has none but loopback.
type Addresses struct{ own map[netip.Addr]bool }

// LocalAddresses reads them.
func LocalAddresses() Addresses {
	a := Addresses{own: map[netip.Addr]bool{}}
	all, err := net.InterfaceAddrs()
	if err != nil {
		return a // loopback is known all the same
	}
	for _, one := range all {
		if p, err := netip.ParsePrefix(one.String()); err == nil {
			a.own[p.Addr().Unmap().WithZone("")] = true
		}
	}
	return a
}

// Has reports whether an address is on this machine, without asking anybody for it: that of
// one of its interfaces, the name localhost or the machine's own, or a Unix socket.
func (a Addresses) Has(to string) bool {
	host, _, err := net.SplitHostPort(to)
	if err != nil || address.IsUnix(to) {
		return true // the path of a Unix socket
	}
	if ip, err := netip.ParseAddr(host); err == nil {
		ip = ip.Unmap().WithZone("")
		return ip.IsLoopback() || ip.IsUnspecified() || a.own[ip]
	}
	name, err := os.Hostname()
	host = strings.TrimSuffix(strings.ToLower(host), ".")
	return host == address.Local || err == nil && host == strings.ToLower(name)
}
