package compare

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"grpcbench/internal/result"
)

// Fact is one thing that is known of a run or an arm. Its value is "" if it is not known.
type Fact struct {
	What  string `json:"what"`
	Value string `json:"value,omitempty"`
}

// fingerprint lists the differences of the two runs that are none of their plans.
// One that several arms show alike is one difference.
func (s shared) fingerprint(base, new *result.Result) []Difference {
	all := Differences(RunFacts(base), RunFacts(new))
	for _, a := range s.arms {
		for _, d := range Differences(ArmFacts(a.base), ArmFacts(a.new)) {
			i := slices.IndexFunc(all, func(o Difference) bool {
				return len(o.Arms) > 0 && o.What == d.What && o.Base == d.Base && o.New == d.New
			})
			if i < 0 {
				i, all = len(all), append(all, d)
			}
			all[i].Arms = append(all[i].Arms, a.new.Name)
		}
	}
	return all
}

// Differences are those of facts of the same things, in their order; those that
// only new has come last.
func Differences(base, new []Fact) []Difference {
	is := make(map[string]string)
	for _, f := range new {
		is[f.What] = f.Value
	}
	all := []Difference{}
	add := func(what, was, is string) {
		if was != is {
			all = append(all, Difference{What: what, Base: was, New: is})
		}
	}
	for _, f := range base {
		add(f.What, f.Value, is[f.What])
		delete(is, f.What)
	}
	for _, f := range new {
		if v, ok := is[f.What]; ok {
			add(f.What, "", v)
		}
	}
	return all
}

// RunFacts are what a run was made with and where.
func RunFacts(r *result.Result) []Fact {
	m, t := r.Machine, r.Tool
	all := []Fact{
		{"grpc-bench", strings.TrimSpace(t.Version + " " + t.Revision)},
		{"Go", t.Go},
		{"grpc-go", t.GRPCGo},
		{"system", m.OS + "/" + m.Arch},
		{"kernel", m.Kernel},
		{"CPU", m.CPU},
		{"CPUs", strconv.Itoa(m.CPUs)},
		{"GOMAXPROCS", strconv.Itoa(m.GOMAXPROCS)},
		{"memory", known(m.MemBytes > 0, "%d MiB", m.MemBytes>>20)},
		{"cgroup CPUs", known(m.CgroupCPUs > 0, "%g", m.CgroupCPUs)},
		{"virtual machine", known(m.Virtual, "yes")},
	}
	for _, name := range slices.Sorted(maps.Keys(m.Environment)) {
		all = append(all, Fact{"environment " + name, m.Environment[name]})
	}
	return all
}

// ArmFacts are what the wire showed of an arm. What was asked for is the plan's.
func ArmFacts(a *result.Arm) []Fact {
	o := a.Observed
	return []Fact{
		{"target", a.Settings.Target},
		{"server binary (SHA-256)", o.ServerSHA256},
		{"TLS version", o.TLSVersion},
		{"cipher", o.Cipher},
		{"key exchange", o.Group},
		{"ALPN", o.ALPN},
		{"server key", o.ServerKey},
		{"client certificate", known(o.ClientCertificate, "yes")},
		{"request encoding", codings(o.RequestEncodings)},
		{"response encoding", codings(o.ResponseEncodings)},
		{"request codec", o.RequestCodec},
		{"response codec", o.ResponseCodec},
		{"method", o.Method},
	}
}

// codings are the encodings that were announced.
func codings(rpcs map[string]int64) string {
	return strings.Join(slices.Sorted(maps.Keys(rpcs)), ", ")
}

func known(ok bool, format string, args ...any) string {
	if !ok {
		return ""
	}
	return fmt.Sprintf(format, args...)
}
