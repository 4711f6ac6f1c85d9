package report

import (
	"fmt"
	"net"
	"slices"
	"strings"

	"grpcbench/internal/address"
	"grpcbench/internal/result"
)

// mostAddresses is how many addresses are listed; the others are counted.
const mostAddresses = 10

// reached says how many connections of a reached which address of its TARGET; "" where
// there is only the one that TARGET itself is. Not safe to print.
func reached(a result.Arm) string {
	bs := a.Observed.Backends
	if len(bs) == 0 || len(bs) == 1 && sameAddress(bs[0].Address, a.Settings.Target) {
		return ""
	}
	bs = slices.DeleteFunc(slices.Clone(bs), func(b result.Backend) bool { return b.Connections == 0 })
	if len(bs) == 0 {
		return ""
	}
	var list []string
	for _, b := range bs[:min(len(bs), mostAddresses)] {
		list = append(list, count(b.Connections)+" to "+b.Address)
	}
	if more := len(bs) - mostAddresses; more > 0 {
		list = append(list, fmt.Sprintf("others to %d more addresses", more))
	}
	return "connections " + strings.Join(list, ", ")
}

// sameAddress reports whether two texts are the same address.
func sameAddress(a, b string) bool {
	network, to := address.Dial(a)
	network2, to2 := address.Dial(b)
	return network == network2 && to == to2
}

// unreached says that the name of a server has addresses which no connection reached; ""
// where each was reached. Not safe to print.
func unreached(target string, bs []result.Backend) string {
	name, _, err := net.SplitHostPort(target)
	if err != nil {
		name = target
	}
	var to []string
	var made int64
	for _, b := range bs {
		host, _, err := net.SplitHostPort(b.Address)
		if err != nil {
			host = b.Address
		}
		made += b.Connections
		if b.Connections > 0 {
			to = append(to, host)
		}
	}
	switch {
	case len(to) == 0 || len(to) == len(bs):
		return ""
	case made == 1:
		return fmt.Sprintf("%s has %d addresses, the connection went to %s", name, len(bs), to[0])
	case len(to) == 1:
		return fmt.Sprintf("%s has %d addresses, all connections went to %s", name, len(bs), to[0])
	}
	return fmt.Sprintf("%s has %d addresses, all connections went to %d of them", name, len(bs), len(to))
}

// unreachedIn is unreached of an arm.
func unreachedIn(a result.Arm) string { return unreached(a.Settings.Target, a.Observed.Backends) }

// backendNotes say of the arms of r which addresses were reached where a name has several,
// each sentence once.
func backendNotes(r result.Result) (notes []string) {
	for _, a := range r.Arms {
		if several := slices.DeleteFunc(slices.Clone(a.Observed.Backends), func(b result.Backend) bool { return b.Connections == 0 }); len(several) > 1 {
			notes = append(notes, a.Name+": "+reached(a))
		}
		if text := unreachedIn(a); text != "" && !slices.Contains(notes, text) {
			notes = append(notes, text)
		}
	}
	return notes
}
