package result

import (
	"fmt"

	"grpcbench/internal/codec"
	"grpcbench/internal/metric"
	"grpcbench/internal/plan"
)

// leastIndexed is how many bytes of metadata are told apart from the fields of gRPC's own,
// which are some 30 bytes an RPC once HPACK's table has them.
const leastIndexed = 500

// askIndexed looks for metadata that is sent whole in each RPC although it is the same in all:
// HPACK keeps fields in a table of the receiver's size, 4096 bytes unless it announces another,
// in which each takes 32 more than its name and value (RFC 7541, 4.1). What does not fit pushes
// the others out.
func askIndexed(q *question) {
	q.skip("no arm has metadata of 500 bytes that are the same in each RPC, and no message")
	for _, a := range q.r.Arms {
		n := repeated(a.Settings)
		if n < leastIndexed || a.SentBytes == nil {
			continue
		}
		q.skip("")
		if *a.SentBytes > float64(n)/2 { // Huffman's code of RFC 7541 halves no text of these letters
			q.find(finding{verdict: Valid, arm: a.Name, values: map[string]float64{"metadata_bytes": float64(n), metric.SentBytes: *a.SentBytes},
				text: fmt.Sprintf("its %d bytes of metadata do not fit HPACK's table and are sent in each RPC anew: %.0f B, where metadata that fits costs some 40 (use less, or take it for what this much costs)", n, *a.SentBytes)})
		}
	}
}

// repeated is how many bytes of metadata values an RPC without a message has that are those of
// the one before; 0: none, or what is sent cannot be told from a message.
func repeated(s plan.Settings) (n int) {
	if s.MetadataSize.Unique || s.Payload.Bytes > 0 || s.Request != nil || s.ResponsePayload.Bytes > 0 || s.Churns() || s.Compression.Name != codec.None && s.Compression.Name != "" {
		return 0
	}
	n = s.MetadataSize.Bytes
	for _, k := range s.Metadata {
		n += k.Bytes
	}
	return n
}
