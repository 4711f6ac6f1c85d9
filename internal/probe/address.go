package probe

import (
	"net"
	"net/netip"
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

// Has reports whether address, the remote end of a connection, is on this machine: the
// HOST:PORT of one of its interfaces, or a Unix socket. Names are not resolved.
func (a Addresses) Has(address string) bool {
	remote, err := netip.ParseAddrPort(address)
	if err != nil {
		return true // the path of a Unix socket
	}
	ip := remote.Addr().Unmap().WithZone("")
	return ip.IsLoopback() || ip.IsUnspecified() || a.own[ip]
}
