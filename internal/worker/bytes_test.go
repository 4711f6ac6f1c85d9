package worker

import (
	"testing"

	"grpcbench/internal/load"
)

// A call sends 1000 bytes and receives 100; on each of two connections the first one
// sends 40 more. 10 calls were made before the window, 60 from then on.
func TestBytesThatAreLateAreNoCallsOfTheWindow(t *testing.T) {
	at := func(sent, received, started, inFlight int64) traffic {
		return traffic{sent: sent, received: received, Standing: load.Standing{Started: started, InFlight: inFlight}}
	}
	const opened = 500 // what opening the connections took
	end := at(opened+70*1000+2*40, 70*100, 70, 0)
	quiet := at(opened+20*1000+2*40, 20*100, 20, 0)
	for _, c := range []struct {
		name           string
		from           traffic // at the window's beginning
		quiet          *traffic
		to             traffic
		sent, received Traffic
	}{
		{"nothing in flight", at(opened+10*1000+2*40, 10*100, 10, 0), &quiet, end, Traffic{50_000, 50}, Traffic{5000, 50}},
		// A slow server: what is in flight was sent. The first calls' 40 bytes more are not
		// of the window.
		{"all in flight, sent", at(opened+10*1000+2*40, 0, 10, 10), nil, end, Traffic{60_000, 60}, Traffic{7000, 70}},
		// A busy client: none of what has started was sent, and 10 of 60 calls' bytes would
		// be counted twice.
		{"all in flight, not sent", at(opened, 0, 10, 10), nil, end, Traffic{70_080, 70}, Traffic{7000, 70}},
		{"in flight at the end too", at(opened+2*1000+2*40, 2*100, 10, 8), nil, at(opened+62*1000+2*40, 62*100, 70, 8), Traffic{60_000, 60}, Traffic{6000, 60}},
		{"none before the window", at(opened, 0, 0, 0), nil, end, Traffic{70_080, 70}, Traffic{7000, 70}},
	} {
		e := edges{begun: at(opened, 0, 0, 0), traffic: [2]traffic{c.from}, quiet: c.quiet}
		if sent, received := e.until(c.to); sent != c.sent || received != c.received {
			t.Errorf("%s: sent %+v, received %+v, want %+v, %+v", c.name, sent, received, c.sent, c.received)
		}
	}
}
