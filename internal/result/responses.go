package result

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"grpcbench/internal/load"
)

// askResponses: an arm without a compressor whose responses came compressed is no control
// for one, and where a server mirrors no compressor nothing is saved on the way back. A bundled
// server's responses are held to the settings by askSettings.
func askResponses(q *question) {
	q.skip("every server is bundled, or responses were not counted, or none came")
	for _, a := range q.r.Arms {
		seen, came := a.Observed.Responses, a.Responses()
		if seen == nil || q.r.bundled(a.Settings) || came == 0 {
			continue
		}
		q.skip("")
		if a.NoneCompressed() {
			q.find(finding{verdict: Valid, arm: a.Name,
				text: fmt.Sprintf("the server did not compress its responses, none of %d: what the arm saves is the requests' alone", came)})
		}
		if a.Settings.Compression.Compresses() || seen.Compressed == 0 {
			continue
		}
		why := "although the arm has no compressor: its bytes and CPU have them in (--accept-compression none asks the server not to)"
		if a.Settings.AcceptCompression != "" && !a.Settings.AcceptsByDefault() {
			why = "as --accept-compression allows, although the arm has no compressor: its bytes and CPU have them in"
		}
		q.find(finding{verdict: Valid, arm: a.Name,
			text: fmt.Sprintf("%d of %d responses came compressed (%s), ",
				seen.Compressed, came, strings.Join(slices.Sorted(maps.Keys(seen.ByEncoding)), ", ")) + why,
			values: map[string]float64{"compressed": float64(seen.Compressed)}})
	}
}

// Responses is how many messages a's server is known to have answered with over the whole
// life. An RPC that was to end with another code than OK, and did, has none.
func (a Arm) Responses() int64 {
	l := a.LedgerTotal
	return l.OK - expected(l) + l.Failed[load.UnexpectedOK] + l.Failed[load.BadPayload]
}

// NoneCompressed reports whether a has a compressor, and its server had responses to compress
// and compressed none.
func (a Arm) NoneCompressed() bool {
	seen := a.Observed.Responses
	return seen != nil && seen.Compressed == 0 && a.Settings.Compression.Compresses() && a.Responses() > 0 && !a.emptyResponse()
}

// emptyResponse reports whether a's responses are known to have no bytes, which no server
// compresses.
func (a Arm) emptyResponse() bool {
	if a.Settings.Method == "" {
		return a.Settings.ResponsePayload.Bytes == 0
	}
	return a.Observed.ResponseBytes != nil && *a.Observed.ResponseBytes == 0
}

// askResponseSizes: arms that call one method with one message are compared as doing one
// thing; responses of other sizes say that they are not.
func askResponseSizes(q *question) {
	q.skip("no two arms call one method with one message")
	first := make(map[string]Arm) // by what is asked
	for _, a := range q.r.Arms {
		if a.Settings.Method == "" || a.Observed.ResponseBytes == nil {
			continue
		}
		asked := a.Settings.Method
		if b := a.Settings.Request; b != nil {
			asked += " " + b.SHA256
		}
		other, known := first[asked]
		if !known {
			first[asked] = a
			continue
		}
		q.skip("")
		if was, is := *other.Observed.ResponseBytes, *a.Observed.ResponseBytes; was != is {
			q.find(finding{verdict: Valid, arm: a.Name,
				text: fmt.Sprintf("the preflight's response had %d bytes, and that of %s %d, to the same message: the arms may not do the same thing", is, other.Name, was)})
		}
	}
}

// Unobserved lists the settings of r's arms that were sent without anybody telling whether
// they arrived, sorted, each once.
func (r *Result) Unobserved() []string {
	found := map[string]bool{}
	for _, a := range r.Arms {
		s, seen := a.Settings, a.Observed
		sent := map[string]bool{
			"compression": s.Compression.Announced() && seen.RequestEncodings == nil,
			"metadata":    (len(s.Metadata) > 0 || s.MetadataSize.Bytes > 0) && seen.MetadataKeys == nil,
			"deadline":    s.Deadline > 0, // no server tells of it
		}
		for name, is := range sent {
			if is {
				found[name] = true
			}
		}
	}
	return slices.Sorted(maps.Keys(found))
}
