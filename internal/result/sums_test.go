package result

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

// spent is one epoch's part of a cost.
type spent struct {
	ns   *int64
	rpcs int64
}

func TestACostOfSomeEpochsIsTheirSumOverTheirRPCs(t *testing.T) {
	for _, tt := range []struct {
		name   string
		epochs []spent
		want   *float64
	}{
		{"two epochs", []spent{{new(int64(600)), 2}, {new(int64(300)), 1}}, new(300.0)},                             // 900/3
		{"an epoch in which no RPC was due", []spent{{new(int64(600)), 2}, {new(int64(100)), 0}}, new(350.0)},       // 700/2
		{"no RPC was due in the first epoch", []spent{{new(int64(100)), 0}, {new(int64(600)), 2}}, new(350.0)},      // 700/2
		{"nothing used and nothing due in an epoch", []spent{{new(int64(600)), 2}, {new(int64(0)), 0}}, new(300.0)}, // 600/2
		{"an epoch that is not known", []spent{{new(int64(600)), 2}, {nil, 2}}, nil},
		{"no RPC was due at all", []spent{{new(int64(600)), 0}}, nil},
		{"no epoch", nil, nil},
	} {
		var q Quotient
		for _, e := range tt.epochs {
			q.Add(Spent(e.ns, e.rpcs))
		}
		if diff := cmp.Diff(tt.want, q.Value()); diff != "" {
			t.Errorf("%s (-want +got):\n%s", tt.name, diff)
		}
	}
}
