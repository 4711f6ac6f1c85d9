package wire

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/http2/hpack"
)

// plain decodes every block in full: what the reader with a memory must agree with.
type plain struct{ *headerReader }

func (p plain) read(block []byte) (*meaning, error) {
	p.known = nil
	return p.headerReader.read(block)
}

// A thousand connections of blocks from a real encoder, with fields that repeat,
// that are new, that are never indexed, and with tables that shrink and grow: the
// reader that remembers says of every block what the one says that does not.
func TestWhatIsRememberedIsWhatTheDecoderSays(t *testing.T) {
	const connections, blocks = 1000, 60
	remembered := 0
	for seed := range uint64(connections) {
		r := rand.New(rand.NewPCG(seed, 1))
		var block bytes.Buffer
		encoder := hpack.NewEncoder(&block)
		fast, slow := newHeaderReader(), plain{newHeaderReader()}
		for range blocks {
			block.Reset()
			if r.IntN(10) == 0 {
				encoder.SetMaxDynamicTableSize(uint32(r.IntN(headerTable)))
			}
			for _, f := range someFields(r) {
				if err := encoder.WriteField(f); err != nil {
					t.Fatal(err)
				}
			}
			if slices.ContainsFunc(fast.known, func(k known) bool { return bytes.Equal(k.block, block.Bytes()) }) {
				remembered++
			}
			got, err := fast.read(block.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			want, err := slow.read(block.Bytes())
			if err != nil {
				t.Fatal(err)
			}
			if *got != *want {
				t.Fatalf("seed %d, block %x: %+v, want %+v", seed, block.Bytes(), got, want)
			}
		}
	}
	if remembered < connections {
		t.Fatalf("%d blocks were remembered: the test compares nothing", remembered)
	}
}

// someFields are those of a response or of trailers, most of them seen before. A
// status alone is one index, whose meaning moves with each field that the table takes.
func someFields(r *rand.Rand) []hpack.HeaderField {
	fields := []hpack.HeaderField{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc"}}
	if r.IntN(2) == 0 {
		fields = []hpack.HeaderField{{Name: "grpc-status", Value: fmt.Sprint(r.IntN(3))}, {Name: "grpc-message", Value: ""}}
		fields = fields[:1+r.IntN(2)]
	}
	switch r.IntN(12) {
	case 0:
		fields = append(fields, hpack.HeaderField{Name: "x-new", Value: fmt.Sprint(r.IntN(1000))})
	case 1:
		fields = append(fields, hpack.HeaderField{Name: "x-secret", Value: fmt.Sprint(r.IntN(3)), Sensitive: true})
	case 2: // evicts much
		fields = append(fields, hpack.HeaderField{Name: "x-large", Value: strings.Repeat("x", r.IntN(2*headerTable))})
	}
	return fields
}

func TestOnlyIndexedBlocksAreRemembered(t *testing.T) {
	for _, test := range []struct {
		name  string
		block []byte
		want  blockKind
	}{
		{"static index", []byte{0x88}, indexedOnly},                                        // :status 200
		{"two indexes, one of two bytes", []byte{0x88, 0xff, 0x01}, indexedOnly},           // 127 + 1
		{"literal not indexed, indexed name", []byte{0x08, 0x01, '1'}, keepsTable},         // :status 1
		{"literal never indexed, new name", []byte{0x10, 1, 'a', 1, 'b'}, keepsTable},      //
		{"index, then literal to be indexed", []byte{0x88, 0x48, 1, '1'}, changesTable},    //
		{"literal not indexed that hides one", []byte{0x00, 1, 0x40, 0, 0x88}, keepsTable}, // the 0x40 is in a string
		{"size update", []byte{0x20}, changesTable},
		{"index without its end", []byte{0xff}, changesTable},
		{"index of six bytes", []byte{0xff, 0x80, 0x80, 0x80, 0x80, 0x01}, changesTable},
		{"string without its end", []byte{0x08, 0x05, '1'}, changesTable},
		{"nothing", nil, indexedOnly},
	} {
		if got := survey(test.block); got != test.want {
			t.Errorf("%s: %d, want %d", test.name, got, test.want)
		}
	}
}

func TestAHeaderListAboveTheLimitIsReadForTheTableAlone(t *testing.T) {
	var block bytes.Buffer
	encoder := hpack.NewEncoder(&block)
	// Each indexed once, then named by a byte each: a small block, a large list.
	for range 40 {
		if err := encoder.WriteField(hpack.HeaderField{Name: "x", Value: strings.Repeat("y", 2000)}); err != nil {
			t.Fatal(err)
		}
	}
	if block.Len() > 4000 {
		t.Fatalf("the block has %d bytes: it is no bomb", block.Len())
	}
	r := newHeaderReader()
	if m, err := r.read(block.Bytes()); err != nil || !m.tooLong {
		t.Errorf("a list of 80 000 bytes is %+v, %v: must be too long, the limit is %d", m, err, maxHeaderList)
	}
	block.Reset()
	if err := encoder.WriteField(hpack.HeaderField{Name: "grpc-status", Value: "7"}); err != nil {
		t.Fatal(err)
	}
	if m, err := r.read(block.Bytes()); err != nil || m.tooLong || m.grpcStatus != 7 {
		t.Errorf("the next list is %+v, %v, want status 7", m, err)
	}
}

func TestWhatAResponseSays(t *testing.T) {
	for _, test := range []struct {
		fields []hpack.HeaderField
		want   meaning
	}{
		{[]hpack.HeaderField{{Name: ":status", Value: "200"}, {Name: "content-type", Value: "application/grpc+proto"}, {Name: "grpc-encoding", Value: "gzip"}},
			meaning{httpStatus: 200, isGRPC: true, grpcStatus: -1, encoding: "gzip"}},
		{[]hpack.HeaderField{{Name: "grpc-status", Value: "14"}, {Name: "grpc-message", Value: "a%20b"}}, meaning{grpcStatus: 14, message: "a%20b"}},
		{[]hpack.HeaderField{{Name: "grpc-status", Value: "-1"}}, meaning{grpcStatus: 1<<32 - 1}},
		{[]hpack.HeaderField{{Name: "grpc-status", Value: "one"}}, meaning{grpcStatus: badStatus}},
		{[]hpack.HeaderField{{Name: ":status", Value: "503"}, {Name: "content-type", Value: "text/html"}},
			meaning{httpStatus: 503, grpcStatus: -1}},
		{[]hpack.HeaderField{{Name: "content-type", Value: "application/grpcx"}}, meaning{grpcStatus: -1}},
	} {
		var block bytes.Buffer
		for _, f := range test.fields {
			if err := hpack.NewEncoder(&block).WriteField(f); err != nil {
				t.Fatal(err)
			}
		}
		got, err := newHeaderReader().read(block.Bytes())
		if err != nil || *got != test.want {
			t.Errorf("%v: %+v, %v, want %+v", test.fields, got, err, test.want)
		}
	}
}

// FuzzHeaders: any sequence of blocks means the same with and without memory.
func FuzzHeaders(f *testing.F) {
	f.Add([]byte{0x88, 0x5f, 0x10, 'a', 'p', 'p', 'l', 'i', 'c', 'a', 't', 'i', 'o', 'n', '/', 'g', 'r', 'p', 'c'}, []byte{0x88, 0xbe}, []byte{0x88, 0xbe})
	f.Add([]byte{0x20}, []byte{0xff, 0x00}, []byte{0x40, 1, 'a', 1, 'b'})
	f.Fuzz(func(t *testing.T, a, b, c []byte) {
		fast, slow := newHeaderReader(), plain{newHeaderReader()}
		for _, block := range [][]byte{a, b, a, c, b, a} {
			got, err := fast.read(block)
			want, err2 := slow.read(block)
			if (err == nil) != (err2 == nil) || err == nil && *got != *want {
				t.Fatalf("%x: %+v %v, want %+v %v", block, got, err, want, err2)
			}
			if err != nil {
				return
			}
		}
	})
}
