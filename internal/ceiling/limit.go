package ceiling

// Bottleneck is what more load would have needed more of.
type Bottleneck string

// Bottlenecks. The zero value says that it is not known.
const (
	ClientCPU Bottleneck = "client_cpu"
	ServerCPU Bottleneck = "server_cpu"
	Neither   Bottleneck = "neither"
	Streams   Bottleneck = "streams"       // that the server allows on a connection; see package compare
	Lag       Bottleneck = "generator_lag" // of the generator behind its schedule; see package compare
)

// Use is the share of the CPUs that each side used; nil: not known. Client and Server
// are shares of the CPUs each may use, Others what all others on the client's machine
// used of it, time that a hypervisor took included.
type Use struct {
	Client, Server, Others *float64
	// Shared says that client and server run on the same CPUs.
	Shared bool
}

const (
	// full is the share from which on CPUs have nothing left to give: what is missing is
	// the kernel's own work for the network, which is no process's, and waking and
	// switching.
	full = 0.85
	// contended is the share from which on two that share CPUs wait for each other often
	// enough to show in latencies: with half of them in use, one in two finds its CPU taken.
	contended = 0.5
)

// OthersMost says whether others used more of the CPUs than either side, and enough that
// these wait for them. Where the server's CPU is not known it may be among others.
func (u Use) OthersMost() bool {
	if u.Client == nil || u.Others == nil {
		return false
	}
	client, server, others := *u.Client, value(u.Server), *u.Others
	return others > client && others > server && client+server+others >= contended
}

// Contended says whether both sides share CPUs of which so many are in use that they wait
// for each other.
func (u Use) Contended() bool {
	return u.Shared && u.Client != nil && value(u.Client)+value(u.Server)+value(u.Others) >= contended
}

// value is a share, or 0 where it is not known.
func value(share *float64) float64 {
	if share == nil {
		return 0
	}
	return *share
}

// Limit says which side's CPU was used up, and whether the ceiling may be called the
// server's, which takes that the server's CPU was seen to be the limit.
//
// A side that used 85 % of its CPUs is the bottleneck. Where others took more than either
// side it is nobody's. Where both share the CPUs and these are used up, it is the side
// that took more of them, and the ceiling is the server's only if the generator took no
// more than half as much as the server, since on a machine of its own the server would
// take more. Where no CPU was used up the bottleneck is neither, which is no proof that
// the server has no more to give. Where the server's CPU is not known, and the client's
// was not used up, nothing is known.
func Limit(u Use) (b Bottleneck, servers bool) {
	if u.Client == nil {
		return "", false
	}
	client, server := *u.Client, value(u.Server)
	switch {
	case client >= full:
		return ClientCPU, false
	case u.Server == nil:
		return "", false
	case u.OthersMost():
		return Neither, false
	case server >= full:
		return ServerCPU, true
	case !u.Shared || client+server+value(u.Others) < full:
		return Neither, false
	case client >= server:
		return ClientCPU, false
	}
	return ServerCPU, client <= server/2
}
