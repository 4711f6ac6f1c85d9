package result

import (
	"fmt"
	"slices"
)

// OtherRuns says which other runs of grpc-bench there were on the machine, by process, in any
// epoch; "": none was seen.
func (m Machine) OtherRuns() string {
	var pids []int
	for _, e := range m.Epochs {
		pids = append(pids, e.OtherRuns...)
	}
	slices.Sort(pids)
	pids = slices.Compact(pids)
	if len(pids) == 0 {
		return ""
	}
	more := ""
	if len(pids) > 1 {
		more = fmt.Sprintf(", and %d more", len(pids)-1)
	}
	return fmt.Sprintf("another grpc-bench run (pid %d%s) is using this machine", pids[0], more)
}
