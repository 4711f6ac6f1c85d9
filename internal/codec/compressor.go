package codec

import (
	"io"
	"sync"
	"sync/atomic"

	"google.golang.org/grpc/encoding"
	"google.golang.org/grpc/mem"
)

// Install registers the named compressors with grpc-go and returns what counts their
// work. A client announces what is registered in its process in every RPC, and nothing
// less (grpc-go 1.85: AcceptCompressors without names does not restrict it, against its
// documentation). out fixes the level this process compresses with under out.Name;
// the other compressors, and out itself at LevelNone, work at LevelMedium.
//
// grpc-go's registry belongs to the whole process and is not locked: call
// Install once, before any channel or server exists. What was registered under
// these names before, grpc-go's own gzip included, is replaced. names are some of
// [Names], in their order.
func Install(names []string, out Spec) *Counters {
	counters := newCounters(names)
	for _, name := range names {
		level := LevelMedium
		if out.Name == name && out.Compresses() {
			level = out.Level
		}
		encoding.RegisterCompressor(newCompressor(formatOf(name, level), counters))
	}
	return counters
}

// Names are the encodings that Install can register, in the order in which grpc-go
// announces them.
func Names() []string { return []string{Gzip, Deflate, Zstd} }

// compressor is an encoding.Compressor: a format with its idle encoders and
// decoders kept for the next message, as in grpc-go's own gzip.
type compressor struct {
	format   format
	counters *Counters
	received *atomic.Int64 // messages decompressed
	writers  sync.Pool     // of *writer
	readers  sync.Pool     // of *reader
}

func newCompressor(f format, counters *Counters) *compressor {
	return &compressor{format: f, counters: counters, received: counters.received[f.name]}
}

// Name returns the value of the grpc-encoding header.
func (c *compressor) Name() string { return c.format.name }

// Compress returns a writer for one message; it is counted by a Close without
// error, after which the writer belongs to the next message.
func (c *compressor) Compress(w io.Writer) (io.WriteCloser, error) {
	z, ok := c.writers.Get().(*writer)
	if !ok {
		enc, err := c.format.newEncoder()
		if err != nil {
			return nil, err
		}
		z = &writer{compressor: c, encoder: enc}
	}
	z.bytesIn = 0
	z.sink = sink{w: w}
	z.meter = c.counters.compress.startMessage()
	z.encoder.Reset(&z.sink)
	return z, nil
}

// writer compresses one message.
type writer struct {
	compressor *compressor
	encoder    encoder
	sink       sink
	bytesIn    int64
	meter      meter
}

func (z *writer) Write(p []byte) (int, error) {
	z.meter.begin()
	n, err := z.encoder.Write(p)
	z.meter.end()
	z.bytesIn += int64(n)
	return n, err
}

// Close ends the message. grpc-go calls it once, and not after a failed Write:
// such a writer is left to the garbage collector.
func (z *writer) Close() error {
	z.meter.begin()
	err := z.encoder.Close()
	z.meter.end()
	if err == nil {
		z.compressor.counters.compress.endMessage(z.bytesIn, z.sink.n, z.meter)
	}
	z.sink.w = nil
	z.compressor.writers.Put(z)
	return err
}

// sink counts the compressed bytes on their way out.
type sink struct {
	w io.Writer
	n int64
}

func (s *sink) Write(p []byte) (int, error) {
	n, err := s.w.Write(p)
	s.n += int64(n)
	return n, err
}

// sizedReader is what grpc-go passes to Decompress (a *mem.Reader). The codec
// reads from it directly, since a counting reader between them would cost a
// call for every byte.
type sizedReader interface {
	io.Reader
	io.ByteReader
	Remaining() int
}

// Decompress returns a reader of one message; it is counted when it has been
// read to its end. Corrupt input is an error, from here or from Read.
//
// The decompressed size is bounded by grpc-go, which reads at most one byte
// more than MaxRecvMsgSize.
func (c *compressor) Decompress(r io.Reader) (io.Reader, error) {
	sized, ok := r.(sizedReader)
	if !ok {
		message, err := mem.ReadAll(r, mem.DefaultBufferPool())
		if err != nil {
			return nil, err
		}
		sized = message.Reader()
	}
	if sized.Remaining() == 0 {
		return nil, io.ErrUnexpectedEOF // no format has an empty encoding
	}
	z, ok := c.readers.Get().(*reader)
	if !ok {
		dec, err := c.format.newDecoder()
		if err != nil {
			return nil, err
		}
		z = &reader{compressor: c, decoder: dec}
	}
	z.bytesIn, z.bytesOut, z.ended = int64(sized.Remaining()), 0, false
	z.meter = c.counters.decompress.startMessage()
	z.meter.begin()
	err := z.decoder.Reset(sized)
	z.meter.end()
	if err != nil {
		c.readers.Put(z)
		return nil, err
	}
	return z, nil
}

// reader decompresses one message.
type reader struct {
	compressor *compressor
	decoder    decoder
	bytesIn    int64
	bytesOut   int64
	ended      bool // the end was read and the message counted
	meter      meter
}

func (z *reader) Read(p []byte) (int, error) {
	z.meter.begin()
	n, err := z.decoder.Read(p)
	z.meter.end()
	z.bytesOut += int64(n)
	if err == io.EOF && !z.ended {
		z.ended = true
		z.compressor.counters.decompress.endMessage(z.bytesIn, z.bytesOut, z.meter)
		z.compressor.received.Add(1)
	}
	return n, err
}

// Close gives the decoder to the next message. grpc-go calls it once.
func (z *reader) Close() error {
	z.compressor.readers.Put(z)
	return nil
}
