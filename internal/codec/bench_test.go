package codec_test

import (
	"io"
	"testing"

	"google.golang.org/grpc/mem"

	"grpcbench/internal/codec"
)

// BenchmarkCompress is the cost of one 4 KiB message, by codec and level; the
// metric ratio is its size after to its size before.
func BenchmarkCompress(b *testing.B) {
	message := text(4 << 10)
	for _, spec := range benchmarked() {
		b.Run(spec.String(), func(b *testing.B) {
			c, counters := install(spec.Name, spec.Level)
			b.ReportAllocs()
			for b.Loop() {
				w, err := c.Compress(io.Discard)
				if err != nil {
					b.Fatal(err)
				}
				if _, err := w.Write(message); err != nil {
					b.Fatal(err)
				}
				if err := w.Close(); err != nil {
					b.Fatal(err)
				}
			}
			work := counters.Snapshot().Compress
			b.ReportMetric(float64(work.BytesOut)/float64(work.BytesIn), "ratio")
			if cpu, ok := work.CPU(); ok {
				b.ReportMetric(float64(cpu)/float64(work.Messages), "cpu-ns/op")
			}
		})
	}
}

// BenchmarkDecompress is the cost of reading one 4 KiB message back.
func BenchmarkDecompress(b *testing.B) {
	for _, spec := range benchmarked() {
		b.Run(spec.String(), func(b *testing.B) {
			c, counters := install(spec.Name, spec.Level)
			packed := mem.BufferSlice{mem.SliceBuffer(pack(b, c, text(4<<10)))}
			buffer := make([]byte, 8<<10)
			b.ReportAllocs()
			for b.Loop() {
				r, err := c.Decompress(packed.Reader())
				if err != nil {
					b.Fatal(err)
				}
				for err == nil {
					_, err = r.Read(buffer)
				}
				if err != io.EOF {
					b.Fatal(err)
				}
				if err := r.(io.Closer).Close(); err != nil {
					b.Fatal(err)
				}
			}
			work := counters.Snapshot().Decompress
			if cpu, ok := work.CPU(); ok {
				b.ReportMetric(float64(cpu)/float64(work.Messages), "cpu-ns/op")
			}
		})
	}
}

func benchmarked() []codec.Spec {
	var specs []codec.Spec
	for _, name := range names {
		for _, level := range []int{1, codec.LevelLow, codec.LevelMedium, codec.LevelHigh} {
			specs = append(specs, codec.Spec{Name: name, Level: level})
		}
	}
	return specs
}
