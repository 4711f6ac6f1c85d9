package result

import (
	"math"
	"reflect"
	"testing"
	"time"

	"grpcbench/internal/hist"
	"grpcbench/internal/metric"
)

// fillAll sets everything that v holds, numbers to 1.
func fillAll(v reflect.Value) {
	switch v.Kind() {
	case reflect.Pointer:
		if v.Type().Elem() != reflect.TypeFor[time.Location]() {
			v.Set(reflect.New(v.Type().Elem()))
			fillAll(v.Elem())
		}
	case reflect.Struct:
		for i := range v.NumField() {
			if v.Type().Field(i).IsExported() {
				fillAll(v.Field(i))
			}
		}
	case reflect.Int64:
		v.SetInt(1)
	case reflect.Float64:
		v.SetFloat(1)
	}
}

// A row whose path leads nowhere would be a metric that no run ever has.
func TestEveryRowOfTheTableIsRead(t *testing.T) {
	var e Epoch
	var a Arm
	fillAll(reflect.ValueOf(&e).Elem())
	fillAll(reflect.ValueOf(&a).Elem())
	for _, m := range metric.All() {
		epoch, arm := e.Read(m), a.Read(m)
		if epoch.State != Known || arm.State != Known && m.Name != metric.CeilingRate {
			t.Errorf("%s, at %s: %+v in an epoch, %+v in an arm", m.Name, m.Path, epoch, arm)
		}
		if (epoch.Count > 0) != (m.Quantile > 0 || m.Mean) {
			t.Errorf("%s: %d observations behind it", m.Name, epoch.Count)
		}
		if got := (&Epoch{}).Read(m); got.State == Beyond || got.State == Known && m.Name != metric.Offered && m.Name != metric.Achieved {
			t.Errorf("%s of an epoch without anything: %+v", m.Name, got)
		}
	}
	if r := e.Read(metric.Metric{Path: "latency_ns.nothing"}); r.State != Absent {
		t.Errorf("what is not there: %+v", r)
	}
}

// What is read is the field of that name and no other: each has its own value here.
func TestARowReadsItsOwnField(t *testing.T) {
	e := Epoch{Handshake: &Handshakes{Full: &Handshake{Count: 1, SentBytes: 3}, Resumed: &Handshake{Count: 1, SentBytes: 4},
		Saturated: &SaturatedHandshakes{Achieved: 5, ClientCPU: new(6.0)}}}
	e.Ledger = Ledger{Scheduled: 10, Started: 10, OK: 9, Failed: map[string]int64{"UNAVAILABLE": 1}}
	e.ClientCPU, e.Saturated = new(1.0), &Saturated{ClientCPU: new(2.0)}
	for name, want := range map[string]float64{metric.ClientCPU: 1, metric.SaturatedClientCPU: 2, "handshake_full_sent_bytes": 3, "handshake_resumed_sent_bytes": 4,
		"handshake_sent_bytes": 4, metric.SaturatedHandshakes: 5, "saturated_handshake_client_cpu_ns": 6, metric.Failed: 0.1} {
		m, _ := metric.Named(name)
		if got := e.Read(m); got.State != Known || got.Value != want {
			t.Errorf("%s is %+v, want %g", name, got, want)
		}
	}
	e.Handshake.Resumed.Count = 0
	if m, _ := metric.Named("handshake_resumed_sent_bytes"); e.Read(m).State != Absent {
		t.Errorf("bytes of connections that there are none of: %+v", e.Read(m))
	}
}

func distributionOf(t *testing.T, values, lost int64) Distribution {
	t.Helper()
	h := hist.New()
	for i := range values {
		h.Record(1000 * (i + 1))
	}
	d, err := Summarize(h, values+lost, true)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// A quantile that no field holds is read off the histogram, where there is one; one that
// lies among RPCs that did not end well is known to do so without.
func TestQuantilesAreReadFromFieldsOrTheHistogram(t *testing.T) {
	p95 := metric.Latency(0.95, 0)
	var a Arm
	a.Latency = distributionOf(t, 1000, 0)
	if r := a.Read(p95); r.State != Known || math.Abs(r.Value-950e3) > 1e3 || r.Count != 1000 || r.Above != 50 {
		t.Errorf("p95 of 1 to 1000 µs: %+v", r)
	}
	for _, m := range metric.All() { // a stored quantile is that of the histogram
		if m.Path != metric.LatencyPath || m.Quantile == 0 {
			continue
		}
		stored := a.Read(m)
		h, err := a.Latency.Histogram()
		if err != nil {
			t.Fatal(err)
		}
		if v, _ := h.Quantile(m.Quantile, a.Latency.Count); stored.Value != float64(v) {
			t.Errorf("%s is %g, %d in the histogram", m.Name, stored.Value, v)
		}
	}
	a.Latency.HDR = ""
	if r := a.Read(p95); r.State != Absent || r.Few(p95, MinAbove) {
		t.Errorf("p95 without a histogram: %+v", r)
	}
	a.Latency = distributionOf(t, 900, 100)
	for q, want := range map[float64]State{0.5: Known, 0.85: Known, 0.9: Known, 0.95: Beyond, 0.99: Beyond, 1: Beyond} {
		if r := a.Read(metric.Latency(q, 0)); r.State != want {
			t.Errorf("p%g of 900 RPCs and 100 lost: %+v, want state %d", 100*q, r, want)
		}
	}
	if r := a.Read(metric.Latency(0.99, 0)); !r.Few(metric.Latency(0.99, 0), 20) || r.Few(metric.Latency(0.99, 0), MinAbove) {
		t.Errorf("10 above p99: %+v", r)
	}
}

// withHDR is an epoch that has its histogram beside its figures.
type withHDR struct {
	Epoch
	LatencyHDR string `json:"latency_hdr,omitempty"`
}

func TestAHistogramBesideTheFiguresIsRead(t *testing.T) {
	var e withHDR
	e.Latency = distributionOf(t, 1000, 0)
	e.LatencyHDR, e.Latency.HDR = e.Latency.HDR, ""
	if r := read(reflect.ValueOf(&e), metric.Latency(0.95, 0)); r.State != Known || math.Abs(r.Value-950e3) > 1e3 {
		t.Errorf("p95 is %+v", r)
	}
}

// What took no time was not there, as TLS in plaintext.
func TestAPartThatTookNoTimeWasNotThere(t *testing.T) {
	h := hist.New()
	for range 100 {
		h.Record(0)
	}
	none, err := Summarize(h, 100, false)
	if err != nil {
		t.Fatal(err)
	}
	e := Epoch{Handshake: &Handshakes{Full: &Handshake{Count: 100, Phases: &Phases{TLS: none, Total: distributionOf(t, 100, 0)}}}}
	for name, want := range map[string]State{"handshake_tls_p50": Absent, "handshake_total_p50": Known, "handshake_total_mean": Known, "handshake_http2_p50": Absent} {
		if m, _ := metric.Named(name); e.Read(m).State != want {
			t.Errorf("%s: %+v, want state %d", name, e.Read(m), want)
		}
	}
}
