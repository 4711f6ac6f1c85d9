package compare

import (
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"

	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
)

// shakenResult is that of a handshake plan in which the second arm resumes and is
// cheaper by a fifth, and the machine is a tenth slower or faster in each epoch.
func shakenResult(epochs int, count int64) *result.Result {
	r := &result.Result{Verdict: result.Valid, Plan: plan.Plan{Kind: plan.KindHandshake, Handshakes: &plan.Handshakes{Count: int(count)}},
		Groups: []plan.Group{{Name: "resumption", Control: "off", Arms: []string{"off", "on"}}}}
	r.Plan.Groups = r.Groups
	random := rand.New(rand.NewPCG(5, 6))
	machine := make([]float64, epochs)
	for i := range machine {
		machine[i] = math.Exp(0.1 * random.NormFloat64())
	}
	for _, name := range []string{"off", "on"} {
		a := result.Arm{Name: name, Settings: plan.Settings{TLS: plan.TLS13, Resumption: name == "on"}}
		for i := range epochs {
			noise := func(v float64) float64 { return v * machine[i] * math.Exp(0.01*random.NormFloat64()) }
			kind := func(cost float64) *result.Handshake {
				d := func(p50 float64) result.Distribution {
					return result.Distribution{Count: count, Valued: count, P50: new(int64(p50)), P90: new(int64(2 * p50)), Max: new(int64(3 * p50))}
				}
				p50 := noise(1e6 * cost)
				return &result.Handshake{Count: count, ClientCPU: new(noise(9e5 * cost)), ServerCPU: new(noise(7e5 * cost)), SentBytes: 1649, ReceivedBytes: 1963,
					Phases: &result.Phases{Total: d(p50), Connect: d(2e5), TLS: d(p50), HTTP2: d(1e5), FirstRPC: d(4e5)}}
			}
			h := &result.Handshakes{Full: kind(1)}
			if name == "on" {
				h.Resumed = kind(0.8)
			}
			a.Epochs = append(a.Epochs, result.Epoch{Index: i, Handshake: h})
		}
		a.Handshake = a.Epochs[0].Handshake
		r.Arms = append(r.Arms, a)
		r.Plan.Arms = append(r.Plan.Arms, plan.Arm{Name: name, Settings: a.Settings})
	}
	r.Comparisons = Arms(r)
	return r
}

func comparisonOf(t *testing.T, r *result.Result, metric string) result.Comparison {
	t.Helper()
	i := slices.IndexFunc(r.Comparisons, func(c result.Comparison) bool { return c.Metric == metric })
	if i < 0 {
		t.Fatalf("%s is not compared", metric)
	}
	return r.Comparisons[i]
}

// Of an arm with resumption what is compared are the resumed connections, and the
// machine's noise, which is ten times the arms', cancels.
func TestResumedConnectionsAreComparedWithFullOnes(t *testing.T) {
	r := shakenResult(10, 50)
	for _, metric := range []string{"handshake_total_p50", "handshake_tls_p50", "handshake_client_cpu_ns", "handshake_server_cpu_ns"} {
		c := comparisonOf(t, r, metric)
		if c.Ratio == nil || math.Abs(*c.Ratio-0.8) > 0.02 || c.Verdict != "faster" {
			t.Errorf("%s: %+v, want 0.8 of it, faster", metric, c)
		}
	}
	if c := comparisonOf(t, r, "handshake_sent_bytes"); c.Verdict != "same" {
		t.Errorf("bytes: %s, want same", c.Verdict)
	}
	if c := comparisonOf(t, r, "handshake_total_p90"); c.Ratio != nil || c.Reason == "" {
		t.Errorf("p90 of 50 connections is compared: %+v", c)
	}
	for _, c := range r.Comparisons {
		if fmt.Sprintf("%.7s", c.Metric) == "latency" {
			t.Errorf("%s is compared where there is no load", c.Metric)
		}
	}
	if few := comparisonOf(t, shakenResult(10, 39), "handshake_total_p50"); few.Ratio != nil {
		t.Errorf("the median of 39 connections is compared: %+v", few)
	}
}

func TestHandshakesAreNotComparedWithALoad(t *testing.T) {
	base, other := shakenResult(8, 50), shakenResult(8, 50)
	b, err := Results(base, other, false)
	if err != nil || len(b.Ratios) == 0 || len(b.Absolutes) == 0 {
		t.Errorf("%d ratios, %d figures, %v: two of a kind must be compared", len(b.Ratios), len(b.Absolutes), err)
	}
	known := figures(metric.Handshake)
	for _, c := range b.Absolutes {
		if !slices.ContainsFunc(known, func(m figure) bool { return m.Name == c.Metric }) {
			t.Errorf("%s is shown, which is another name of what handshakes are compared by", c.Metric)
		}
	}
	other.Plan.Kind, other.Plan.Handshakes = "", nil
	for _, force := range []bool{false, true} {
		if _, err := Results(base, other, force); !errors.Is(err, ErrKinds) {
			t.Errorf("forced %t: %v, want a refusal", force, err)
		}
	}
}
