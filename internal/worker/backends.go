package worker

import (
	"net"
	"slices"
	"strings"
	"sync"

	"grpcbench/internal/channel"
)

// Backend is an address and how many connections reached it: 0 for one that the server's
// name has and that none reached.
type Backend struct {
	Address     string `json:"address"` // with its port
	Connections int64  `json:"connections"`
}

// mostBackends bounds what is kept of a name whose addresses are others each time it is
// resolved.
const mostBackends = 1000

// backends counts connections by the address that they reached. The zero value is ready;
// it is safe for concurrent use.
type backends struct {
	mu     sync.Mutex
	counts map[string]int64
}

// made counts a connection.
func (b *backends) made(c channel.Connection) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.counts == nil {
		b.counts = map[string]int64{}
	}
	b.add(c.Remote, 1)
	_, port, err := net.SplitHostPort(c.Remote)
	if err != nil {
		return
	}
	for _, ip := range c.Addresses {
		b.add(net.JoinHostPort(ip, port), 0)
	}
}

// add counts n connections to an address. b.mu is held.
func (b *backends) add(address string, n int64) {
	if _, known := b.counts[address]; known || len(b.counts) < mostBackends {
		b.counts[address] += n
	}
}

// all returns them in the order of their addresses.
func (b *backends) all() []Backend {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []Backend
	for address, n := range b.counts {
		list = append(list, Backend{address, n})
	}
	slices.SortFunc(list, func(a, b Backend) int { return strings.Compare(a.Address, b.Address) })
	return list
}
