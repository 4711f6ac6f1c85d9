package channel

import (
	"bytes"
	"fmt"
	"slices"
	"testing"

	"golang.org/x/net/http2"

	"grpcbench/internal/h2code"
)

// What ends streams and connections is seen however the bytes are cut, and nothing else.
func TestEndsAreSeenHoweverTheyAreCut(t *testing.T) {
	var sent bytes.Buffer
	w := http2.NewFramer(&sent, nil)
	for _, err := range []error{
		w.WriteSettings(http2.Setting{ID: http2.SettingMaxFrameSize, Val: 1 << 20}), w.WriteSettingsAck(),
		w.WriteData(1, false, bytes.Repeat([]byte{h2code.FrameGoAway}, 1000)), w.WriteRSTStream(3, http2.ErrCodeEnhanceYourCalm),
		w.WriteData(5, true, nil), w.WriteData(7, true, []byte("page")), w.WritePing(false, [8]byte{3}),
		w.WriteGoAway(9, http2.ErrCodeInternal, []byte("debug data of any length")), w.WriteRawFrame(http2.FrameRSTStream, 0, 3, []byte{1}),
		w.WriteRawFrame(http2.FrameGoAway, 0, 0, nil), w.WriteRSTStream(11, http2.ErrCodeCancel),
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 13, EndStream: true, EndHeaders: true}),
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 15, EndStream: true, EndHeaders: true, BlockFragment: []byte{0x88}}),
		w.WriteHeaders(http2.HeadersFrameParam{StreamID: 17, EndHeaders: true}), w.WriteHeaders(http2.HeadersFrameParam{StreamID: 19, EndStream: true}),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	want := []string{"3 0000000b", "0 00000000", "0 00000000", "7 0000000900000002", "3 00000008", "1 00000000"}
	for size := 1; size <= sent.Len(); size++ {
		var got []string
		f := frames{seen: func(kind byte, code [8]byte) {
			n := map[byte]int{h2code.FrameGoAway: 8}[kind]
			if n == 0 {
				n = 4
			}
			if kind == h2code.FrameData || kind == h2code.FrameHeaders {
				code = [8]byte{}
			}
			got = append(got, fmt.Sprintf("%d %x", kind, code[:n]))
		}}
		for piece := range slices.Chunk(sent.Bytes(), size) {
			f.read(piece)
		}
		if !slices.Equal(got, want) {
			t.Fatalf("in pieces of %d: %q, want %q", size, got, want)
		}
	}
}

func TestLookingAtFramesAllocatesNothing(t *testing.T) {
	var sent bytes.Buffer
	w := http2.NewFramer(&sent, nil)
	for _, err := range []error{w.WriteData(1, false, make([]byte, 100)), w.WriteWindowUpdate(0, 9), w.WriteRSTStream(1, http2.ErrCodeCancel)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	f := frames{seen: func(byte, [8]byte) {}}
	if n := testing.AllocsPerRun(1000, func() { f.read(sent.Bytes()) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkFrames(b *testing.B) { // those of a small answer
	var sent bytes.Buffer
	w := http2.NewFramer(&sent, nil)
	_ = w.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders, 1, make([]byte, 2)) // to memory
	_ = w.WriteData(1, false, make([]byte, 5))
	_ = w.WriteRawFrame(http2.FrameHeaders, http2.FlagHeadersEndHeaders|http2.FlagHeadersEndStream, 1, make([]byte, 2))
	f := frames{seen: func(byte, [8]byte) {}}
	for b.Loop() {
		f.read(sent.Bytes())
	}
}
