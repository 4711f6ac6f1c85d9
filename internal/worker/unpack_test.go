package worker

import (
	"bytes"
	"slices"
	"testing"

	"google.golang.org/grpc"
	"google.golang.org/grpc/encoding"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/load"
	"grpcbench/internal/wire"
	"grpcbench/testing/faultproxy"
)

// packed is a message as a codec compresses it.
func packed(t *testing.T, name string, message []byte) []byte {
	t.Helper()
	var b bytes.Buffer
	w, err := encoding.GetCompressor(name).Compress(&b)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(message); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// The response of a method of which nothing else is known is good if it decompresses to no
// more than the limit: to both engines alike, by every codec, in each RPC.
func TestBothEnginesDecompressTheResponsesOfAnyMethod(t *testing.T) {
	const limit = 5000
	tooLarge := load.End{Code: "RESOURCE_EXHAUSTED", Cause: cause.MessageLimit}
	codec.Install(codec.Names(), codec.Spec{})
	for _, name := range codec.Names() {
		whole := packed(t, name, []byte("a message that is long enough to be cut"))
		for _, tt := range []struct {
			what       string
			compressed bool
			message    []byte
			want       load.End
		}{
			{"as it is", false, []byte("any"), load.Good},
			{"as it is, as large as the limit", false, make([]byte, limit), load.Good},
			{"as it is, a byte larger", false, make([]byte, limit+1), tooLarge},
			{"compressed", true, whole, load.Good},
			{"compressed, as large as the limit", true, packed(t, name, make([]byte, limit)), load.Good},
			{"compressed, a byte larger", true, packed(t, name, make([]byte, limit+1)), tooLarge},
			{"compressed, cut off", true, whole[:len(whole)-6], unreadable},
			{"not compressed at all", true, []byte("no such thing as a compressed message"), unreadable},
		} {
			t.Run(name+" "+tt.what, func(t *testing.T) {
				o := call.Options{Method: "/p.S/M", Accepts: []string{name}}
				script := func(s *faultproxy.Stream) {
					s.Begin(faultproxy.Field{Name: "grpc-encoding", Value: name})
					flag := byte(0)
					if tt.compressed {
						flag = 1
					}
					s.Prefixed(flag, len(tt.message), tt.message)
					s.Status(0, "")
				}
				if got := allByGRPC(t, script, o, limit); !slices.Equal(got, []load.End{tt.want, tt.want, tt.want}) {
					t.Errorf("grpc: %+v, want %+v of each", got, tt.want)
				}
				if got := allByWire(t, script, o, limit); !slices.Equal(got, []load.End{tt.want, tt.want, tt.want}) {
					t.Errorf("wire: %+v, want %+v of each", got, tt.want)
				}
			})
		}
	}
}

// allByGRPC is how three RPCs end by the grpc engine, of a client that takes messages of so
// many bytes.
func allByGRPC(t *testing.T, script faultproxy.Script, o call.Options, limit int) (ends []load.End) {
	t.Helper()
	ch, err := channel.Open(t.Context(), channel.Options{Address: peer(t, script), MaxMessage: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Close() })
	c, err := call.New(o, []grpc.ClientConnInterface{ch})
	if err != nil {
		t.Fatal(err)
	}
	for seq := range int64(3) {
		ends = append(ends, c.Call(t.Context(), 0, seq))
	}
	return ends
}

func allByWire(t *testing.T, script faultproxy.Script, o call.Options, limit int) (ends []load.End) {
	t.Helper()
	request, _, err := WireRequest(o)
	if err != nil {
		t.Fatal(err)
	}
	ch, err := wire.Open(t.Context(), wire.Options{Address: peer(t, script), Request: request, MaxMessage: limit})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = ch.Close() })
	for seq := range int64(3) {
		end, _, _ := ch.Once(t.Context(), seq)
		ends = append(ends, end)
	}
	return ends
}
