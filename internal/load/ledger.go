package load

import (
	"cmp"
	"fmt"
	"maps"
	"slices"

	"grpcbench/internal/code"
)

// Outcomes of an RPC, beside gRPC's codes.
const (
	// OK is that of an RPC that succeeded, as gRPC's code 0 is named.
	OK = code.OK
	// BadPayload is that of a response that is not what was asked for: the server
	// thought that all was well.
	BadPayload = "BAD_PAYLOAD"
	// ClientLimit is that of an RPC that had no connection because this machine had
	// no file descriptor or local port left to make one. gRPC's code is UNAVAILABLE
	// then, as of a server that is not there.
	ClientLimit = "CLIENT_LIMIT"
	// UnexpectedOK is that of an RPC that succeeded where another code was expected.
	UnexpectedOK = "UNEXPECTED_OK"
)

// End is how an RPC ended.
type End struct {
	Code string // OK, or what it failed with
	// Cause is why it failed, of a list that whoever makes the RPC keeps closed, as each
	// cause takes memory. It is empty with OK, and elsewhere means NotKnown.
	Cause string
}

// Expected is the cause of an RPC that ended with a code that makes it good all the same.
const Expected = "expected"

// Good reports whether the RPC ended well: with OK, or as was expected of it.
func (e End) Good() bool { return e.Code == OK || e.Cause == Expected }

// Good is the End of an RPC that succeeded.
var Good = End{Code: OK}

// NotKnown is the cause of a failure of which nothing more than its code is known.
const NotKnown = "not known"

// Reasons why an arrival was not started.
const (
	MaxInFlight = "MAX_IN_FLIGHT" // as many calls as allowed were already in flight
)

// Ledger accounts for every RPC once:
//
//	Scheduled = Started + Σ NotStarted
//	Started   = OK + Σ Failed + Abandoned
//
// and, where causes are counted, the causes of each code of Failed add up to its count.
//
// The zero value is an empty ledger.
type Ledger struct {
	Scheduled  int64            `json:"scheduled"`
	NotStarted map[string]int64 `json:"not_started"` // by reason
	Started    int64            `json:"started"`
	OK         int64            `json:"ok"`
	OKByCode   map[string]int64 `json:"ok_by_code,omitempty"` // of these, those with an expected code that is not OK
	Failed     map[string]int64 `json:"failed"`               // by gRPC code in capitals, or BAD_PAYLOAD or CLIENT_LIMIT
	Abandoned  int64            `json:"abandoned"`            // cancelled by the generator after the drain
	// StreamWaits counts the started RPCs that began while as many as the server allows
	// were in flight on their connection.
	StreamWaits int64 `json:"stream_waits,omitempty"`
	// Causes counts what failed by code and cause; nil: nothing failed, or an older tool
	// counted.
	Causes map[string]map[string]int64 `json:"causes,omitempty"`
}

// Fail adds n RPCs that ended in this way, which is not OK.
func (l *Ledger) Fail(end End, n int64) {
	l.Failed = addCounts(l.Failed, map[string]int64{end.Code: n})
	l.Causes = addCauses(l.Causes, map[string]map[string]int64{end.Code: {cmp.Or(end.Cause, NotKnown): n}})
}

// Add adds o's counts. The maps of l are never shared with o.
func (l *Ledger) Add(o Ledger) {
	l.Scheduled += o.Scheduled
	l.Started += o.Started
	l.OK += o.OK
	l.Abandoned += o.Abandoned
	l.StreamWaits += o.StreamWaits
	l.NotStarted = addCounts(l.NotStarted, o.NotStarted)
	if len(l.OKByCode)+len(o.OKByCode) > 0 {
		l.OKByCode = addCounts(l.OKByCode, o.OKByCode)
	}
	switch {
	case l.Causes == nil && l.Failures() > 0, o.Causes == nil && o.Failures() > 0:
		l.Causes = nil // those of one part are not those of the sum
	default:
		l.Causes = addCauses(l.Causes, o.Causes)
	}
	l.Failed = addCounts(l.Failed, o.Failed)
}

func addCauses(to, from map[string]map[string]int64) map[string]map[string]int64 {
	if to == nil && from == nil {
		return nil
	}
	sum := map[string]map[string]int64{}
	maps.Copy(sum, to)
	for code, causes := range from {
		sum[code] = addCounts(sum[code], causes)
	}
	return sum
}

func addCounts(to, from map[string]int64) map[string]int64 {
	sum := map[string]int64{}
	maps.Copy(sum, to)
	for k, n := range from {
		sum[k] += n
	}
	return sum
}

// Failures is the number of RPCs that ended with another code than OK.
func (l Ledger) Failures() int64 { return total(l.Failed) }

// Unstarted is the number of arrivals that were not started.
func (l Ledger) Unstarted() int64 { return total(l.NotStarted) }

// Lost is the number of arrivals that did not end well: failed, not started or
// abandoned. They have no latency and rank above all that have one.
func (l Ledger) Lost() int64 { return l.Failures() + l.Unstarted() + l.Abandoned }

func total(m map[string]int64) int64 {
	var n int64
	for _, c := range m {
		n += c
	}
	return n
}

// Check returns an error that names the sum that does not hold.
func (l Ledger) Check() error {
	if got := l.Started + l.Unstarted(); got != l.Scheduled {
		return fmt.Errorf("scheduled %d: must be started %d + not started %d", l.Scheduled, l.Started, l.Unstarted())
	}
	if got := l.OK + l.Failures() + l.Abandoned; got != l.Started {
		return fmt.Errorf("started %d: must be ok %d + failed %d + abandoned %d", l.Started, l.OK, l.Failures(), l.Abandoned)
	}
	if n := total(l.OKByCode); n > l.OK {
		return fmt.Errorf("ok %d: must be at least those by code, %d", l.OK, n)
	}
	if l.StreamWaits > l.Started {
		return fmt.Errorf("stream waits %d: must be at most started %d", l.StreamWaits, l.Started)
	}
	if l.Causes == nil {
		return nil
	}
	byCause := map[string]int64{}
	for code, causes := range l.Causes {
		byCause[code] = total(causes)
	}
	for _, code := range slices.Sorted(maps.Keys(addCounts(byCause, l.Failed))) {
		if byCause[code] != l.Failed[code] {
			return fmt.Errorf("failed %s %d: must be the sum of its causes, %d", code, l.Failed[code], byCause[code])
		}
	}
	return nil
}
