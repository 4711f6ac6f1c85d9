package history

import (
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// Plans returns what reads the plans of runs from dir, each once. Its ok is false for
// a run that cannot be read any more. It is for one goroutine.
func Plans(dir string) func(Run) (p plan.Plan, ok bool) {
	type answer struct {
		plan plan.Plan
		ok   bool
	}
	known := make(map[string]answer)
	return func(r Run) (plan.Plan, bool) {
		a, asked := known[r.Ref()]
		if !asked {
			read, err := result.Read(dir, r.Ref())
			a = answer{read.Plan, err == nil}
			known[r.Ref()] = a
		}
		return a.plan, a.ok
	}
}
