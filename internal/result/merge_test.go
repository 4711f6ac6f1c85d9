package result

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"grpcbench/internal/hist"
	"grpcbench/internal/plan"
	"grpcbench/testing/lane"
)

// drawer fills values at random: every field of every struct, so that one which is added
// is merged or fails these tests.
type drawer struct {
	*rand.Rand
	t *testing.T
}

func (d drawer) fill(v reflect.Value, name string) {
	switch of := v.Addr().Interface().(type) {
	case *hist.Encoded:
		h := hist.New()
		for range d.IntN(4) {
			h.Record(d.Int64N(1e6))
		}
		if h.Count() > 0 {
			*of, _ = h.Encode()
		}
		return
	case *Quotient:
		*of = Quotient{Sum: d.Int64N(1e6), Of: 1 + d.Int64N(100)}
		if d.IntN(8) == 0 {
			*of = Spent(nil, 1)
		}
		return
	case *time.Time:
		*of = time.Unix(1e9+d.Int64N(1e6), 0).UTC()
		return
	}
	switch v.Kind() {
	case reflect.Int64, reflect.Int:
		v.SetInt(1 + d.Int64N(1000))
	case reflect.Uint32:
		v.SetUint(uint64(d.IntN(3)))
	case reflect.Float64:
		v.SetFloat(float64(d.IntN(1000)))
	case reflect.Bool:
		v.SetBool(d.IntN(2) == 0)
	case reflect.String:
		v.SetString([]string{"", "a", "b", "c"}[d.IntN(4)])
	case reflect.Pointer:
		if d.IntN(4) > 0 {
			v.Set(reflect.New(v.Type().Elem()))
			d.fill(v.Elem(), name)
		}
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		for range d.IntN(3) {
			key, value := reflect.New(v.Type().Key()).Elem(), reflect.New(v.Type().Elem()).Elem()
			d.fill(key, name)
			d.fill(value, name)
			v.SetMapIndex(key, value)
		}
	case reflect.Slice:
		for range d.IntN(3) {
			item := reflect.New(v.Type().Elem()).Elem()
			d.fill(item, name)
			v.Set(reflect.Append(v, item))
		}
	case reflect.Array:
		for i := range v.Len() {
			d.fill(v.Index(i), name)
		}
	case reflect.Struct:
		for i := range v.NumField() {
			d.fill(v.Field(i), name+"."+v.Type().Field(i).Name)
		}
	default:
		d.t.Fatalf("%s is of a kind that this test cannot draw: %s", name, v.Kind())
	}
}

// draw fills a value of a type.
func draw[T any](d drawer) *T {
	v := new(T)
	d.fill(reflect.ValueOf(v).Elem(), reflect.TypeFor[T]().Name())
	return v
}

// ledger is one whose histograms may be those of sums.
func (d drawer) ledger(latency, started int64) Ledger {
	l := Ledger{OK: latency, Started: started, Failed: map[string]int64{}, NotStarted: map[string]int64{}}
	if more := d.Int64N(4); more > 0 {
		l.Failed["UNAVAILABLE"] = more
	}
	l.Scheduled = l.OK + l.Failures()
	return l
}

func (d drawer) handshakes(ofPlan bool) *Handshakes {
	h := &Handshakes{}
	for _, to := range []**Handshake{&h.Full, &h.Resumed} {
		if d.IntN(3) > 0 {
			if *to, _ = NewHandshake(*draw[HandshakeSums](d), ofPlan, false); *to == nil {
				continue
			}
		}
	}
	if !ofPlan {
		return h
	}
	h.Ledger, h.LedgerTotal, h.ServerLedger = draw[HandshakeLedger](d), draw[HandshakeLedger](d), draw[ServerHandshakes](d)
	if d.IntN(6) == 0 {
		h.ServerLedger = nil
	}
	h.RPCFailed = map[string]int64{"UNAVAILABLE": d.Int64N(9)}
	h.RPCCauses = map[string]map[string]int64{"UNAVAILABLE": {"reset": h.RPCFailed["UNAVAILABLE"]}}
	h.Saturated = &SaturatedHandshakes{Sums: draw[SaturatedSums](d)}
	return h
}

func (d drawer) epoch(index int, kind string) (Epoch, []Window) {
	e := Epoch{Index: index, Start: time.Unix(1e9+d.Int64N(100), 0).UTC(), Took: time.Duration(d.IntN(100)), Interrupted: d.IntN(8) == 0}
	e.Sums, e.Seen = draw[Sums](d), draw[Seen](d)
	e.LedgerTotal = d.ledger(d.Int64N(100), 100)
	e.Handshake = d.handshakes(kind == plan.KindHandshake)
	var windows []Window
	switch kind {
	case plan.KindHandshake:
		e.Sums = &Sums{}
	case plan.KindCeiling:
		for _, callers := range []int{1, 2, 4} {
			s := draw[Sums](d)
			step, err := NewStep(Step{Callers: callers, Ledger: d.ledger(s.Latency.Count, 9), Growth: d.Int64N(9)}, *s)
			if err != nil {
				d.t.Fatal(err)
			}
			e.Blocks = append(e.Blocks, Block{Step: step, Search: d.IntN(4) == 0, Again: d.IntN(4) == 0})
		}
	default:
		e.Saturated = &Saturated{Sums: draw[SaturatedSums](d)}
		e.Churn = draw[Churn](d)
		e.Churn.Handshake = d.handshakes(false)
		for second := range d.Int64N(3) {
			w := Window{Epoch: index, Start: second * 1e9, Latency: draw[Sums](d).Latency, Service: draw[Sums](d).Service, Lag: draw[Sums](d).Lag}
			w.OK, w.Failed, w.NotStarted = w.Latency.Count, new(d.Int64N(2)), new(d.Int64N(2))
			w.Scheduled = w.OK + *w.Failed + *w.NotStarted
			if err := w.derive(); err != nil {
				d.t.Fatal(err)
			}
			windows = append(windows, w)
		}
	}
	e.Ledger = d.ledger(e.Sums.Latency.Count, 9)
	e.Generator = *draw[Generator](d)
	e, err := NewEpoch(e)
	if err != nil {
		d.t.Fatal(err)
	}
	return e, windows
}

// result is some epochs of a plan, measured on a machine.
func (d drawer) result(kind string, machine int, epochs ...int) *Result {
	r := &Result{Schema: Schema, ID: fmt.Sprintf("20261201T000000Z-%08d", machine), Created: time.Unix(1e9+int64(machine), 0).UTC(),
		Plan: fixturePlan(), Machine: Machine{OS: "linux", CPUs: machine}, Interrupted: []string{"", "terminated", "interrupt"}[d.IntN(3)],
		Failure: []string{"", "a host ended", "no route"}[d.IntN(3)], Warnings: []Warning{{Code: "server_printed", Text: []string{"x", "y"}[d.IntN(2)]}}}
	r.Plan.Kind = kind
	if kind == plan.KindCeiling {
		r.Plan.Ceiling = &plan.Ceiling{MaxConcurrency: 4}
	}
	r.Plan.Arms = r.Plan.Arms[:2]
	for range epochs {
		r.Machine.Epochs = append(r.Machine.Epochs, MachineEpoch{OursShare: d.Float64()})
	}
	for _, of := range r.Plan.Arms {
		arm := Arm{Name: of.Name, Settings: of.Settings}
		for _, index := range epochs {
			e, windows := d.epoch(index, kind)
			arm.Epochs, arm.Windows = append(arm.Epochs, e), append(arm.Windows, windows...)
		}
		r.Arms = append(r.Arms, arm)
	}
	if d.IntN(2) == 0 {
		if err := r.Total(); err != nil {
			d.t.Fatal(err)
		}
	}
	return r
}

func merged(t *testing.T, a, b *Result) *Result {
	t.Helper()
	before := [2][]byte{sealed(t, a), sealed(t, b)}
	sum, err := Merge(a, b)
	if err != nil {
		t.Fatal(err)
	}
	if err := sum.Total(); err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(before[0], sealed(t, a)) || !bytes.Equal(before[1], sealed(t, b)) {
		t.Error("Merge changed what it was given")
	}
	return sum
}

func sealed(t *testing.T, r *Result) []byte {
	t.Helper()
	data, err := json.Marshal(r)
	if err != nil {
		t.Fatal(err)
	}
	return data
}

// Epochs of one run, of several, and the same epochs on several machines, in any order and
// grouping, come to the same result.
func TestOrderAndGroupingOfMergesDoNotMatter(t *testing.T) {
	for _, tt := range []struct {
		name, kind string
		machines   [3]int
		epochs     [3][]int
	}{
		{"epochs of one run", "", [3]int{1, 1, 1}, [3][]int{{0}, {1}, {2, 3}}},
		{"the same epochs on three machines", "", [3]int{1, 2, 3}, [3][]int{{0, 1}, {0, 1}, {1, 0}}},
		{"some of both", "", [3]int{3, 1, 2}, [3][]int{{0, 2}, {2}, {1, 2}}},
		{"handshakes", plan.KindHandshake, [3]int{1, 1, 1}, [3][]int{{0}, {1}, {2}}},
		{"handshakes on three machines", plan.KindHandshake, [3]int{2, 1, 3}, [3][]int{{0}, {0, 1}, {1}}},
		{"epochs of a ceiling", plan.KindCeiling, [3]int{1, 1, 1}, [3][]int{{2}, {0}, {1, 3}}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			for seed := range uint64(lane.Draws(1, 40)) {
				d := drawer{rand.New(rand.NewPCG(seed, 7)), t}
				var parts [3]*Result
				for i := range parts {
					parts[i] = d.result(tt.kind, tt.machines[i], tt.epochs[i]...)
				}
				a, b, c := parts[0], parts[1], parts[2]
				want := merged(t, merged(t, a, b), c)
				for name, got := range map[string]*Result{
					"a + (b + c)": merged(t, a, merged(t, b, c)),
					"(b + a) + c": merged(t, merged(t, b, a), c),
					"c + (b + a)": merged(t, c, merged(t, b, a)),
					"(c + a) + b": merged(t, merged(t, c, a), b),
				} {
					if diff := cmp.Diff(want, got, sameMachines(tt.machines)); diff != "" {
						t.Fatalf("seed %d: (a + b) + c and %s differ:\n%s", seed, name, diff)
					}
				}
			}
		})
	}
}

// sameMachines ignores the order of one machine's epochs: a run has them in the order of
// time, which results that are drawn do not know.
func sameMachines(of [3]int) cmp.Option {
	if of[0] == of[1] {
		return cmpopts.IgnoreFields(Machine{}, "Epochs")
	}
	return cmpopts.EquateComparable()
}

// What was stored is merged as what is in memory is; only the histograms of seconds are in
// another file.
func TestStoredResultsAreMergedAsTheyWere(t *testing.T) {
	for _, kind := range []string{"", plan.KindHandshake, plan.KindCeiling} {
		d := drawer{rand.New(rand.NewPCG(1, 2)), t}
		a, b := d.result(kind, 1, 0, 2), d.result(kind, 1, 1)
		var read [2]*Result
		for i, r := range []*Result{a, b} {
			read[i] = &Result{}
			if err := json.Unmarshal(sealed(t, r), read[i]); err != nil {
				t.Fatal(err)
			}
		}
		if got, want := string(sealed(t, merged(t, read[0], read[1]))), string(sealed(t, merged(t, a, b))); got != want {
			t.Errorf("kind %q: merged from disk it is another result:\n%s", kind, cmp.Diff(want, got))
		}
	}
}

// A field of sums that is not added would be that of one part alone.
func TestEveryFieldOfSumsIsAdded(t *testing.T) {
	d := drawer{rand.New(rand.NewPCG(3, 4)), t}
	for _, tt := range []struct {
		name string
		add  func() (zero, sum any, err error)
	}{
		{"Sums", func() (any, any, error) { var s Sums; err := s.Add(*whole[Sums](d)); return Sums{}, s, err }},
		{"HandshakeSums", func() (any, any, error) {
			var s HandshakeSums
			err := s.add(*whole[HandshakeSums](d))
			return HandshakeSums{}, s, err
		}},
		{"SaturatedSums", func() (any, any, error) {
			var s SaturatedSums
			s.add(*whole[SaturatedSums](d), inTurn)
			return SaturatedSums{}, s, nil
		}},
		{"Seen", func() (any, any, error) {
			s := Seen{Connections: 2000}
			s.add(*whole[Seen](d), inTurn)
			return Seen{}, s, nil
		}},
	} {
		zero, sum, err := tt.add()
		if err != nil {
			t.Fatal(err)
		}
		of, none := reflect.ValueOf(sum), reflect.ValueOf(zero)
		for i := range of.NumField() {
			if reflect.DeepEqual(of.Field(i).Interface(), none.Field(i).Interface()) {
				t.Errorf("%s: %s is not added", tt.name, of.Type().Field(i).Name)
			}
		}
	}
}

// whole draws until no field is zero.
func whole[T any](d drawer) *T {
	for {
		v := draw[T](d)
		of, full := reflect.ValueOf(*v), true
		for i := range of.NumField() {
			full = full && !of.Field(i).IsZero() && !(of.Field(i).Kind() == reflect.Map && of.Field(i).Len() == 0)
		}
		if full {
			return v
		}
	}
}

func TestWhatCannotBeMergedIsRefused(t *testing.T) {
	d := drawer{rand.New(rand.NewPCG(5, 6)), t}
	other := d.result("", 1, 0)
	other.Plan.Seed++
	old := d.result("", 1, 0)
	for i := range old.Arms {
		old.Arms[i].Epochs[0].Sums = nil
	}
	renamed := d.result("", 1, 0)
	renamed.Arms[1].Name = "another"
	for _, tt := range []struct {
		name string
		a, b *Result
		want string
	}{
		{"another plan", d.result("", 1, 0), other, "different plans"},
		{"an older tool's", d.result("", 1, 1), old, "older tool"},
		{"other arms", d.result("", 1, 1), renamed, "different arms"},
		{"one epoch of a ceiling twice", d.result(plan.KindCeiling, 1, 0), d.result(plan.KindCeiling, 2, 0), "a search of its own"},
	} {
		if _, err := Merge(tt.a, tt.b); err == nil || !strings.Contains(err.Error(), tt.want) {
			t.Errorf("%s: %v, want %q", tt.name, err, tt.want)
		}
	}
}

// Two machines that offer an RPC/s each for a second offer two RPC/s; two epochs of a
// second on one machine offer one.
func TestRatesOfMachinesAddUpAndThoseOfEpochsDoNot(t *testing.T) {
	at := func(machine, epoch int) *Result {
		d := drawer{rand.New(rand.NewPCG(8, 9)), t}
		r := d.result("", machine, epoch)
		for i := range r.Arms {
			e := &r.Arms[i].Epochs[0]
			e.Ledger, e.Sums = Ledger{Scheduled: 1, Started: 1, OK: 1}, &Sums{Time: 1e9, Windows: 1e9}
			h := hist.New()
			h.Record(5)
			e.Sums.Latency, _ = h.Encode()
			one, err := NewEpoch(*e)
			if err != nil {
				t.Fatal(err)
			}
			r.Arms[i] = Arm{Name: r.Arms[i].Name, Epochs: []Epoch{one}}
		}
		return r
	}
	if got := merged(t, at(1, 0), at(2, 0)).Arms[0]; got.Offered != 2 || got.Epochs[0].Offered != 2 {
		t.Errorf("two machines: %g RPC/s, in the epoch %g, want 2", got.Offered, got.Epochs[0].Offered)
	}
	if got := merged(t, at(1, 0), at(1, 1)).Arms[0]; got.Offered != 1 || len(got.Epochs) != 2 {
		t.Errorf("two epochs: %g RPC/s in %d, want 1 in 2", got.Offered, len(got.Epochs))
	}
}

// Forty arms over forty epochs are stored in 12 MiB, and a plan knows before it is run what
// its result takes.
func TestAPlanKnowsHowLargeItsResultIs(t *testing.T) {
	for _, tt := range []struct {
		arms, epochs int
		perArm       int // RPCs a second
		seconds      int
	}{{40, 40, 50, 10}, {40, 40, 200, 5}, {10, 40, 200, 10}, {2, 40, 5000, 10}} {
		d := drawer{rand.New(rand.NewPCG(8, 9)), t}
		arm := d.typical(tt.perArm, tt.seconds)
		data, err := marshal(Result{Arms: []Arm{arm}})
		if err != nil {
			t.Fatal(err)
		}
		one := len(data)
		arm.Epochs, arm.Windows = nil, nil
		if data, err = marshal(Result{Arms: []Arm{arm}}); err != nil {
			t.Fatal(err)
		}
		got := int64(tt.arms * (len(data) + tt.epochs*(one-len(data))))
		p := plan.Plan{Arms: make([]plan.Arm, tt.arms), Load: plan.Load{Rate: float64(tt.arms * tt.perArm), Loop: "open"},
			Window: plan.Duration(time.Duration(tt.seconds) * time.Second), Epochs: plan.Epochs{Max: tt.epochs}}
		if want := p.ResultBytes(); got > want || float64(got) < 0.6*float64(want) || want > 12<<20 {
			t.Errorf("%d arms, %d epochs of %d s with %d RPC/s: %.1f MiB, and the plan says %.1f", tt.arms, tt.epochs, tt.seconds, tt.perArm,
				float64(got)/(1<<20), float64(want)/(1<<20))
		}
	}
}

// typical is an arm of one epoch as a run measures it.
func (d drawer) typical(rate, seconds int) Arm {
	e := Epoch{Start: time.Unix(1e9, 0), Generator: *draw[Generator](d)}
	n := int64(rate * seconds)
	e.Ledger = Ledger{Scheduled: n, Started: n, OK: n, NotStarted: map[string]int64{}, Failed: map[string]int64{}}
	e.LedgerTotal = e.Ledger
	h := newHistograms()
	for range n {
		service, lag := serviceTime(d.Rand, 300_000), 8_000+d.Int64N(30_000)
		h.service.Record(service)
		h.lag.Record(lag)
		h.latency.Record(service + lag)
	}
	cost := Quotient{Sum: 123_456_789, Of: n}
	e.Sums = &Sums{Time: int64(seconds) * 1e9, Windows: int64(seconds) * 1e9, ClientCPU: cost, PacerCPU: cost, ServerCPU: cost, ClientAllocs: cost,
		ServerAllocs: cost, SentBytes: cost, ReceivedBytes: cost, ClientTime: cost, GC: cost, Requests: CodecSums{Messages: n, Bytes: cost, CPU: cost}}
	connections := HandshakeSums{ClientCPU: cost, ServerCPU: cost, SentBytes: cost, ReceivedBytes: cost}
	for to, from := range map[*hist.Encoded]*hist.Histogram{&e.Sums.Latency: h.latency, &e.Sums.Service: h.service, &e.Sums.Lag: h.lag} {
		*to, _ = from.Encode()
	}
	for _, to := range []*hist.Encoded{&connections.TCP, &connections.TLS, &connections.HTTP2, &connections.Total} {
		few := hist.New()
		for range 4 {
			few.Record(1_000_000 + d.Int64N(100_000))
		}
		*to, _ = few.Encode()
	}
	full, err := NewHandshake(connections, false, false)
	if err != nil {
		d.t.Fatal(err)
	}
	e.Handshake = &Handshakes{Full: full}
	e.Saturated = &Saturated{Sums: &SaturatedSums{RPCs: 4000, Time: 240_000_000, ClientCPU: cost, ServerCPU: cost}}
	counts := map[string]int64{"identity": n}
	e.Seen = &Seen{Connections: 4, Methods: map[string]int64{"/Server/Foo": 1}, Responses: &Responses{},
		Links: []Link{{Remote: "127.0.0.1:41234", TLSVersion: "1.3", Cipher: "TLS_AES_128_GCM_SHA256", Group: "x25519mlkem768", ALPN: "h2", ServerKey: "p256", Connections: 4}},
		Server: ServerSeen{Bundled: true, Told: 1, Instances: []string{"k3f2q2xak3f2q2xa"}, Started: n, OK: n, RequestEncodings: counts,
			ResponseEncodings: counts, MetadataKeys: n, MetadataBytes: n}}
	if e, err = NewEpoch(e); err != nil {
		d.t.Fatal(err)
	}
	var windows []Window
	for s := range seconds {
		w := fixtureWindow(d.t, 0, s, h)
		windows = append(windows, w)
	}
	r := Result{Arms: []Arm{{Name: "tls=1.3", Epochs: []Epoch{e}, Windows: windows}}}
	if err := r.Total(); err != nil {
		d.t.Fatal(err)
	}
	return r.Arms[0]
}
