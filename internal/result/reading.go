package result

import (
	"reflect"
	"strings"
	"sync"

	"grpcbench/internal/metric"
)

// State is what is known of a metric.
type State uint8

// States of a metric.
const (
	Absent State = iota // it was not measured
	Known
	Beyond // it lies among the RPCs that did not end well, above every value
)

// Reading is what a metric came to in an epoch or over all of them.
type Reading struct {
	State State
	Value float64 // if it is Known
	Count int64   // observations behind a quantile or a mean; 0 for another metric
	Above int64   // of them, those that rank above a quantile
}

// Few reports whether a quantile has fewer than least observations above it: then it is one
// or two RPCs.
func (r Reading) Few(m metric.Metric, least int64) bool {
	return m.Quantile > 0 && r.Count > 0 && r.Above < least
}

// Pointer is the value; nil if it is not known.
func (r Reading) Pointer() *float64 {
	if r.State != Known {
		return nil
	}
	return &r.Value
}

// Read is what m came to in the epoch.
func (e *Epoch) Read(m metric.Metric) Reading { return read(reflect.ValueOf(e), m) }

// Read is what m came to over all epochs.
func (a *Arm) Read(m metric.Metric) Reading { return read(reflect.ValueOf(a), m) }

// read follows the path of m from what is stored.
func read(v reflect.Value, m metric.Metric) Reading {
	var of reflect.Value // what v is a field of
	last := ""
	for last = range strings.SplitSeq(m.Path, ".") {
		if of, v = v, follow(v, last); !v.IsValid() {
			return Reading{}
		}
	}
	switch x := v.Interface().(type) {
	case Distribution:
		if hdr := follow(of, strings.TrimSuffix(last, "_ns")+"_hdr"); hdr.IsValid() && x.HDR == "" {
			x.HDR = hdr.String()
		}
		return x.read(m)
	case float64:
		return Reading{State: Known, Value: x}
	case int64:
		return Reading{State: Known, Value: float64(x)}
	}
	return Reading{}
}

// read is a quantile or the mean of d. What took no time at all, as TLS does in plaintext,
// was not there.
func (d Distribution) read(m metric.Metric) Reading {
	switch {
	case d.Max != nil && *d.Max == 0:
		return Reading{}
	case m.Quantile > 0:
		return d.Quantile(m.Quantile)
	case m.Mean && d.Mean != nil:
		return Reading{State: Known, Value: *d.Mean, Count: d.Count}
	case m.Mean && d.Beyond:
		return Reading{State: Beyond, Count: d.Count}
	}
	return Reading{}
}

// follow is the part of v of that name; not valid if there is none.
func follow(v reflect.Value, name string) reflect.Value {
	switch name { // before Interface, which copies a struct
	case "measured":
		if h, ok := v.Interface().(*Handshakes); ok {
			return solid(reflect.ValueOf(h.Measured()))
		}
	case "lost_share":
		if l, ok := v.Interface().(Ledger); ok {
			return solid(reflect.ValueOf(lostShare(l)))
		}
	}
	v = reflect.Indirect(v)
	if v.Kind() != reflect.Struct {
		return reflect.Value{}
	}
	index, ok := fieldsOf(v.Type())[name]
	if !ok {
		return reflect.Value{}
	}
	return solid(v.FieldByIndex(index))
}

// solid is v, or what it points to; not valid if that is nothing, or connections that there
// were none of.
func solid(v reflect.Value) reflect.Value {
	if v.Kind() != reflect.Pointer {
		return v
	}
	if h, ok := v.Interface().(*Handshake); ok && h != nil && h.Count == 0 {
		return reflect.Value{}
	}
	if v.IsNil() || v.Elem().Kind() != reflect.Struct {
		return v.Elem()
	}
	return v
}

// lostShare is the share of the scheduled RPCs that did not end well; nil if there were
// none.
func lostShare(l Ledger) *float64 {
	if l.Scheduled == 0 {
		return nil
	}
	return new(float64(l.Lost()) / float64(l.Scheduled))
}

// known are the fields of types that were looked at.
var known sync.Map // reflect.Type → map[string][]int

// fieldsOf are the fields of a struct by their names in JSON, promoted ones too.
func fieldsOf(t reflect.Type) map[string][]int {
	if fields, ok := known.Load(t); ok {
		return fields.(map[string][]int)
	}
	fields := make(map[string][]int)
	for _, f := range reflect.VisibleFields(t) {
		if name, _, _ := strings.Cut(f.Tag.Get("json"), ","); f.IsExported() && name != "" {
			fields[name] = f.Index
		}
	}
	known.Store(t, fields)
	return fields
}
