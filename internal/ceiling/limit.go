package ceiling

// Bottleneck is what more load would have needed more of.
type Bottleneck string

// Bottlenecks. The zero value says that it is not known.
const (
	ClientCPU Bottleneck = "client_cpu"
	ServerCPU Bottleneck = "server_cpu"
	Neither   Bottleneck = "neither"
	Streams   Bottleneck = "streams" // that the server allows on a connection; see package compare
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

// Limit says which side's CPU was used up, and whether the ceiling may be called the
// server's.
//
// A side that used 85 % of its CPUs is the bottleneck. Where both share the CPUs and
// these are used up, it is the side that took more of them. Where they share CPUs of
// which half are in use or more the ceiling is the server's only if the generator took no
// more than half as much as the server, since on a machine of its own the server would
// take more. Where others took more than either side it is nobody's. Where no CPU was
// used up the bottleneck is neither, and the ceiling is that of the server or of what lies
// between.
func Limit(u Use) (b Bottleneck, servers bool) {
	if u.Client == nil {
		return "", false
	}
	client, server, others := *u.Client, 0.0, 0.0
	if u.Server != nil {
		server = *u.Server
	}
	if u.Others != nil {
		others = *u.Others
	}
	all := client + server + others
	switch {
	case u.Shared && others > client && others > server:
		return Neither, false // nobody's ceiling
	case client >= full:
		return ClientCPU, false
	case server >= full:
		return ServerCPU, true
	case !u.Shared || all < contended:
		return Neither, true
	case all < full:
		return Neither, client <= server/2
	case client >= server:
		return ClientCPU, false
	}
	return ServerCPU, client <= server/2
}
