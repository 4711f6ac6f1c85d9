package result

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/hist"
)

func recorded(values ...int64) *hist.Histogram {
	h := hist.New()
	for _, v := range values {
		h.Record(v)
	}
	return h
}

func TestSummarizeRanksWhatHasNoValueAboveAll(t *testing.T) {
	// Ranks are ceil(q·n). Values below 2048 ns are exact in the histogram.
	tests := []struct {
		name   string
		values []int64
		n      int64
		want   Distribution
	}{
		{
			"all have a value", // ranks of n = 4: 2, 4, 4, 4
			[]int64{40, 10, 30, 20}, 4,
			Distribution{Count: 4, Valued: 4, Min: 10, Mean: new(25.0), P50: new(int64(20)), P90: new(int64(40)),
				P99: new(int64(40)), P999: new(int64(40)), Max: new(int64(40)), Sum: 100},
		},
		{
			"the last of ten has none", // ranks of n = 10: 5, 9, 10, 10
			[]int64{1, 2, 3, 4, 5, 6, 7, 8, 9}, 10,
			Distribution{Count: 10, Valued: 9, Min: 1, P50: new(int64(5)), P90: new(int64(9)), Beyond: true, Sum: 45},
		},
		{
			"most have none", // rank 3 of n = 5 is already among them
			[]int64{7, 8}, 5,
			Distribution{Count: 5, Valued: 2, Min: 7, Beyond: true, Sum: 15},
		},
		{"none has a value", nil, 3, Distribution{Count: 3, Beyond: true}},
		{"nothing observed", nil, 0, Distribution{}},
		{
			"a negative value is kept as it is and counted",
			[]int64{-5}, 1,
			Distribution{Count: 1, Valued: 1, Min: -5, Mean: new(-5.0), P50: new(int64(-5)), P90: new(int64(-5)),
				P99: new(int64(-5)), P999: new(int64(-5)), Max: new(int64(-5)), Sum: -5, Clamped: 1},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, err := Summarize(recorded(tt.values...), tt.n, false)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

func TestSummarizeRefusesFewerObservationsThanValues(t *testing.T) {
	if _, err := Summarize(recorded(1, 2), 1, false); err == nil {
		t.Error("no error for 1 observation of which 2 have a value")
	}
}

func TestADistributionKeepsItsHistogram(t *testing.T) {
	h := recorded(1_000, 2_000_001, 3_000_003)
	for _, n := range []int64{3, 4} {
		d, err := Summarize(h, n, true)
		if err != nil {
			t.Fatal(err)
		}
		back, err := d.Histogram()
		if err != nil {
			t.Fatal(err)
		}
		if back.Count() != 3 || back.Sum() != h.Sum() || back.Min() != 1_000 {
			t.Errorf("n = %d: count %d, sum %v, min %d; want 3, %v, 1000", n, back.Count(), back.Sum(), back.Min(), h.Sum())
		}
		// With all values known the maximum is exact; beyond, it is the edge of a
		// bucket 1/1024 wide.
		if got := back.Max(); got < 3_000_003 || n == 3 && got != 3_000_003 || got > 3_000_003*1025/1024 {
			t.Errorf("n = %d: max %d, want 3000003", n, got)
		}
	}
}
