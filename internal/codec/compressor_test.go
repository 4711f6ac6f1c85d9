package codec_test

import (
	"bytes"
	"compress/flate"
	"compress/zlib"
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"

	"grpcbench/internal/codec"
)

var names = []string{codec.Gzip, codec.Deflate, codec.Zstd}

// text returns n bytes made of words, which compress well and better the
// harder an encoder looks.
func text(n int) []byte {
	words := strings.Fields("channel call stream message header trailer status deadline metadata payload window frame")
	rng := rand.New(rand.NewPCG(1, 2))
	var b strings.Builder
	for b.Len() < n {
		fmt.Fprintf(&b, "%s-%d ", words[rng.IntN(len(words))], rng.IntN(50))
	}
	return []byte(b.String()[:n])
}

// install installs the named compressor at level and returns it as grpc-go
// sees it.
func install(name string, level int) (encoding.Compressor, *codec.Counters) {
	counters := codec.Install(codec.Names(), codec.Spec{Name: name, Level: level})
	return encoding.GetCompressor(name), counters
}

// pack compresses a message the way grpc-go does.
func pack(t testing.TB, c encoding.Compressor, message []byte) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := c.Compress(&out)
	if err != nil {
		t.Fatalf("compress: %v", err)
	}
	if _, err := w.Write(message); err != nil {
		t.Fatalf("write: %v", err)
	}
	if err := w.Close(); err != nil {
		t.Fatalf("close: %v", err)
	}
	return out.Bytes()
}

// unpack decompresses a message the way grpc-go does, up to limit bytes.
func unpack(c encoding.Compressor, packed []byte, limit int64) ([]byte, error) {
	r, err := c.Decompress(mem.BufferSlice{mem.SliceBuffer(packed)}.Reader())
	if err != nil {
		return nil, err
	}
	defer r.(io.Closer).Close()
	return io.ReadAll(io.LimitReader(r, limit))
}

func TestMessagesSurviveEveryLevelAndSize(t *testing.T) {
	const repeats = 2 // the second message uses a pooled encoder
	for _, name := range names {
		for level := 1; level <= 9; level++ {
			c, counters := install(name, level)
			var want int64
			for _, size := range []int{0, 1, 256, 4 << 10, 64 << 10, 200 << 10} {
				message := text(size)
				for range repeats {
					got, err := unpack(c, pack(t, c, message), 1<<20)
					if err != nil || !bytes.Equal(got, message) {
						t.Fatalf("%s:%d, %d bytes: got %d bytes, %v", name, level, size, len(got), err)
					}
					want++
				}
			}
			if got := counters.Snapshot(); got.Compress.Messages != want || got.Decompress.Messages != want {
				t.Errorf("%s:%d: %d compressed, %d decompressed, want %d", name, level,
					got.Compress.Messages, got.Decompress.Messages, want)
			}
		}
	}
}

func TestAMessageInManyBuffersIsOneMessage(t *testing.T) {
	for _, name := range names {
		c, counters := install(name, codec.LevelMedium)
		message := text(9 << 10)
		var packed bytes.Buffer
		w, err := c.Compress(&packed)
		if err != nil {
			t.Fatal(err)
		}
		for part := range slices.Chunk(message, 1000) {
			if _, err := w.Write(part); err != nil {
				t.Fatal(err)
			}
		}
		if err := w.Close(); err != nil {
			t.Fatal(err)
		}
		var buffers mem.BufferSlice
		for part := range slices.Chunk(packed.Bytes(), 7) {
			buffers = append(buffers, mem.SliceBuffer(part))
		}
		r, err := c.Decompress(buffers.Reader())
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, message) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
		if n := counters.Snapshot(); n.Compress.Messages != 1 || n.Compress.BytesIn != 9<<10 || n.Decompress.Messages != 1 {
			t.Errorf("%s: counts %+v, want one message of 9216 bytes each way", name, n)
		}
	}
}

func TestDecompressAcceptsAnyReader(t *testing.T) {
	for _, name := range names {
		c, counters := install(name, codec.LevelLow)
		packed := pack(t, c, text(5000))
		r, err := c.Decompress(io.MultiReader(bytes.NewReader(packed[:10]), bytes.NewReader(packed[10:])))
		if err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(r)
		if err != nil || !bytes.Equal(got, text(5000)) {
			t.Errorf("%s: got %d bytes, %v", name, len(got), err)
		}
		if n := counters.Snapshot().Decompress.BytesIn; n != int64(len(packed)) {
			t.Errorf("%s: %d bytes in, want %d", name, n, len(packed))
		}
	}
}

func TestDeflateIsTheZlibFormat(t *testing.T) {
	c, _ := install(codec.Deflate, codec.LevelMedium)
	message := text(4 << 10)
	packed := pack(t, c, message)
	// RFC 1950, section 2.2: CM 8 with a window of 32 KiB is 0x78, and the two
	// header bytes read as a number are a multiple of 31.
	if packed[0] != 0x78 || (int(packed[0])<<8|int(packed[1]))%31 != 0 {
		t.Errorf("header % x, want a zlib header 78 xx", packed[:2])
	}
	z, err := zlib.NewReader(bytes.NewReader(packed))
	if err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(z); err != nil || !bytes.Equal(got, message) {
		t.Errorf("compress/zlib reads %d bytes, %v", len(got), err)
	}
	if got, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed))); err == nil {
		t.Errorf("it reads as bare RFC 1951 too (%d bytes)", len(got))
	}
}

func TestInstallSetsTheLevelOfOneCompressorOnly(t *testing.T) {
	message := text(16 << 10)
	for _, name := range names {
		low, _ := install(name, codec.LevelLow)
		lowSize := len(pack(t, low, message))
		high, _ := install(name, codec.LevelHigh)
		highSize := len(pack(t, high, message))
		if highSize >= lowSize {
			t.Errorf("%s: high makes %d bytes, low %d; want less", name, highSize, lowSize)
		}
		medium, _ := install(name, codec.LevelMedium)
		want := pack(t, medium, message)
		for _, out := range []codec.Spec{{}, {Name: name, Level: codec.LevelNone}, {Name: "other", Level: 1}} {
			codec.Install(codec.Names(), out)
			if got := pack(t, encoding.GetCompressor(name), message); !bytes.Equal(got, want) {
				t.Errorf("%s after Install(%+v): %d bytes, want those of medium, %d", name, out, len(got), len(want))
			}
		}
	}
}

func TestCountersAreExactBothWays(t *testing.T) {
	c, counters := install(codec.Gzip, codec.LevelLow)
	first := counters.Snapshot()
	if first != (codec.Counts{}) {
		t.Errorf("fresh counters hold %+v", first)
	}
	var packedBytes int64
	for _, size := range []int{100, 1000, 10000} {
		packed := pack(t, c, text(size))
		packedBytes += int64(len(packed))
		if _, err := unpack(c, packed, 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	second := counters.Snapshot()
	// 100 + 1000 + 10000 bytes in three messages, and back.
	want := codec.Counts{
		Compress:   codec.Work{Messages: 3, BytesIn: 11100, BytesOut: packedBytes},
		Decompress: codec.Work{Messages: 3, BytesIn: packedBytes, BytesOut: 11100},
	}
	ignoreCPU := cmpopts.IgnoreFields(codec.Work{}, "Sampled", "SampledCPU")
	if diff := cmp.Diff(want, second, ignoreCPU); diff != "" {
		t.Errorf("counts (-want +got):\n%s", diff)
	}
	pack(t, c, text(7))
	third := counters.Snapshot().Sub(second)
	if third.Compress.Messages != 1 || third.Compress.BytesIn != 7 || third.Decompress != (codec.Work{}) {
		t.Errorf("since the second snapshot %+v, want one message of 7 bytes compressed", third)
	}
}

func TestOneMessageInEightIsTimed(t *testing.T) {
	c, counters := install(codec.Gzip, codec.LevelHigh)
	message := text(64 << 10)
	for range 17 { // the 1st, 9th and 17th
		if _, err := unpack(c, pack(t, c, message), 1<<20); err != nil {
			t.Fatal(err)
		}
	}
	got := counters.Snapshot()
	for direction, w := range map[string]codec.Work{"compress": got.Compress, "decompress": got.Decompress} {
		cpu, ok := w.CPU()
		if !threadClock {
			if ok || w.Sampled != 0 {
				t.Errorf("%s: CPU time %v of %d messages without a clock", direction, cpu, w.Sampled)
			}
			continue
		}
		if w.Sampled != 3 || !ok || cpu <= w.SampledCPU || w.SampledCPU <= 0 {
			t.Errorf("%s: %+v, CPU %v %v, want 3 sampled and more time for all than for those", direction, w, cpu, ok)
		}
	}
}

func TestWorkScalesSampledCPUToAllMessages(t *testing.T) {
	if cpu, ok := (codec.Work{Messages: 5}).CPU(); ok {
		t.Errorf("CPU time %v without a sample", cpu)
	}
	// 30 ms for 10 of 84 messages: 3 ms each, 252 ms in all.
	w := codec.Work{Messages: 84, Sampled: 10, SampledCPU: 30 * time.Millisecond}
	if cpu, ok := w.CPU(); !ok || cpu != 252*time.Millisecond {
		t.Errorf("CPU time %v %v, want 252ms", cpu, ok)
	}
}

func TestCorruptMessagesAreErrorsAndNotCounted(t *testing.T) {
	for _, name := range names {
		c, counters := install(name, codec.LevelMedium)
		packed := pack(t, c, text(4<<10))
		flipped := bytes.Clone(packed)
		flipped[len(flipped)-1] ^= 1 // in the checksum: crc32, adler32 or xxhash
		for what, bad := range map[string][]byte{
			"empty":     {},
			"one byte":  packed[:1],
			"header":    packed[:10],
			"truncated": packed[:len(packed)-5],
			"checksum":  flipped,
			"text":      text(100),
		} {
			if got, err := unpack(c, bad, 1<<20); err == nil {
				t.Errorf("%s, %s: %d bytes and no error", name, what, len(got))
			}
		}
		if n := counters.Snapshot().Decompress.Messages; n != 0 {
			t.Errorf("%s: %d corrupt messages counted", name, n)
		}
		if got, err := unpack(c, packed, 1<<20); err != nil || !bytes.Equal(got, text(4<<10)) {
			t.Errorf("%s: a good message after the corrupt ones: %d bytes, %v", name, len(got), err)
		}
	}
}

// A frame header that asks for a window of 16 MiB: magic number, descriptor
// without content size, window descriptor exponent 14 (2^(10+14) bytes), as in
// RFC 8878, section 3.1.1.1.
func TestZstdRefusesAWindowOverEightMebibytes(t *testing.T) {
	c, _ := install(codec.Zstd, codec.LevelMedium)
	frame := []byte{0x28, 0xB5, 0x2F, 0xFD, 0x00, 14 << 3, 0x01, 0x00, 0x00}
	if _, err := unpack(c, frame, 1<<20); err == nil || !strings.Contains(err.Error(), "window") {
		t.Errorf("error %v, want one about the window", err)
	}
}

func FuzzDecompress(f *testing.F) {
	compressors := map[string]encoding.Compressor{}
	for _, name := range names {
		codec.Install(codec.Names(), codec.Spec{})
		compressors[name] = encoding.GetCompressor(name)
	}
	for i, name := range names {
		for _, size := range []int{0, 1, 300, 5000} {
			packed := pack(f, compressors[name], text(size))
			f.Add(byte(i), packed)
			f.Add(byte(i), packed[:len(packed)/2])
		}
	}
	const limit = 1 << 20 // MaxRecvMsgSize plus one
	f.Fuzz(func(t *testing.T, which byte, packed []byte) {
		c := compressors[names[int(which)%len(names)]]
		message, err := unpack(c, packed, limit)
		if err != nil || len(message) == limit {
			return
		}
		again, err := unpack(c, pack(t, c, message), limit)
		if err != nil || !bytes.Equal(again, message) {
			t.Errorf("%s: %d bytes became %d, %v", c.Name(), len(message), len(again), err)
		}
	})
}
