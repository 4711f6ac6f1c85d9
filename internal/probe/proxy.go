package probe

import (
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
)

// Proxies are the names of the variables in this process's environment that name a proxy
// which other clients, of gRPC or not, use for connections to an address. It is nil
// for this machine, and for what NO_PROXY or its like excepts.
func Proxies(to string) []string {
	host, port, err := net.SplitHostPort(to)
	if err != nil || LocalAddresses().Has(to) {
		return nil
	}
	for _, name := range []string{"NO_PROXY", "no_proxy", "no_grpc_proxy"} {
		if excepted(os.Getenv(name), strings.TrimSuffix(strings.ToLower(host), "."), port) {
			return nil
		}
	}
	var set []string
	for _, name := range []string{"grpc_proxy", "HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"} {
		if os.Getenv(name) != "" {
			set = append(set, name)
		}
	}
	return set
}

// excepted reports whether a list as NO_PROXY has it, with commas between, names the host:
// by "*", an address, a network, a domain with or without a dot or "*." before it, each
// perhaps with a port. A domain without a dot before it is the host of that name, too.
func excepted(list, host, port string) bool {
	ip, notIP := netip.ParseAddr(host)
	return slices.ContainsFunc(strings.Split(list, ","), func(entry string) bool {
		entry = strings.ToLower(strings.TrimSpace(entry))
		if prefix, err := netip.ParsePrefix(entry); err == nil {
			return notIP == nil && prefix.Contains(ip.Unmap())
		}
		if h, p, err := net.SplitHostPort(entry); err == nil && h != "" {
			if p != port {
				return false
			}
			entry = h
		}
		entry = strings.TrimSuffix(strings.Trim(entry, "[]"), ".")
		if other, err := netip.ParseAddr(entry); err == nil {
			return notIP == nil && other.Unmap() == ip.Unmap()
		}
		domain := strings.TrimPrefix(strings.TrimPrefix(entry, "*"), ".")
		switch {
		case entry == "*":
			return true
		case domain == "" || notIP == nil:
			return false
		}
		return strings.HasSuffix(host, "."+domain) || entry == domain && host == domain
	})
}
