package compare

import (
	"time"

	"grpcbench/internal/result"
)

// Schema names the version of the form in which a Between is written as JSON.
// Within a version fields are only added.
const Schema = "grpc-bench/comparison/v1"

// Between is what a new result says beside a base one.
//
// What is judged is each result's own arm/control: whatever the machine did in one of
// them it did to both arms. Absolute figures of different runs are shown and not
// judged, but for those that a machine's state does not change.
type Between struct {
	Schema string `json:"schema"`
	Base   Side   `json:"base"`
	New    Side   `json:"new"`
	// Unlike are the differences of the plans. There are none unless the comparison was
	// forced.
	Unlike []Difference `json:"unlike"`
	// Fingerprint are the differences of machine, tool, TLS parameters and settings
	// observed: what else than the server may have made a difference.
	Fingerprint   []Difference   `json:"fingerprint"`
	Ratios        []Change       `json:"ratios"`    // of arm/control, in the order of the new result's comparisons
	Absolutes     []Change       `json:"absolutes"` // of each arm's own figures
	Distributions []Distribution `json:"distributions"`
}

// Side is one of the two results.
type Side struct {
	ID       string         `json:"id"`
	Name     string         `json:"name,omitempty"`
	Baseline string         `json:"baseline,omitempty"` // its name, if it is one
	Created  time.Time      `json:"created"`
	Verdict  result.Verdict `json:"verdict"`
	Revision string         `json:"revision,omitempty"` // the tag commit
}

// Difference is one fact in which two results differ; "" on a side that has none.
type Difference struct {
	What string `json:"what"`
	Base string `json:"base"`
	New  string `json:"new"`
}

// Change is one metric of one arm in the new result against the base.
type Change struct {
	Group      string   `json:"group,omitempty"` // "" for an absolute figure
	Arm        string   `json:"arm"`
	Control    string   `json:"control,omitempty"` // "" for an absolute figure
	Metric     string   `json:"metric"`
	Unit       string   `json:"unit"`
	BaseEpochs int      `json:"base_epochs"`
	NewEpochs  int      `json:"new_epochs"`
	Base       *float64 `json:"base,omitempty"` // arm/control, or the figure: median over epochs
	New        *float64 `json:"new,omitempty"`
	Ratio      *float64 `json:"estimate_ratio"`   // new / base; absent: cannot be compared
	Low        *float64 `json:"ci_low,omitempty"` // 95 %
	High       *float64 `json:"ci_high,omitempty"`
	P          *float64 `json:"p,omitempty"`
	Verdict    string   `json:"verdict"` // as of [result.Comparison]
	MDE        *float64 `json:"mde,omitempty"`
	Delta      float64  `json:"delta"`
	Reason     string   `json:"reason,omitempty"` // why there is no estimate or verdict
}

// Distribution is how an arm's whole latency distribution moved.
type Distribution struct {
	Arm    string          `json:"arm"`
	Shifts []QuantileShift `json:"shifts"`
}

// QuantileShift is one quantile of the merged windows of both results. Absent: the
// quantile lies among the RPCs that never ended well.
type QuantileShift struct {
	Quantile float64 `json:"quantile"` // in (0, 1]
	Base     *int64  `json:"base_ns"`
	New      *int64  `json:"new_ns"`
}
