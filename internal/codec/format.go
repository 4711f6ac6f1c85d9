package codec

import (
	"compress/gzip"
	"compress/zlib"
	"io"

	"github.com/klauspost/compress/zstd"
)

// encoder writes messages one after the other, each begun by Reset and ended
// by Close.
type encoder interface {
	io.WriteCloser
	Reset(w io.Writer)
}

// decoder reads messages one after the other, each begun by Reset.
type decoder interface {
	io.Reader
	Reset(r io.Reader) error
}

// format makes the encoders and decoders of one compressed format at one level.
type format struct {
	name       string // value of the grpc-encoding header
	newEncoder func() (encoder, error)
	newDecoder func() (decoder, error)
}

// formatOf returns the named format. gzip and deflate come from the standard
// library, as in grpc-go, so that their cost is what an application pays.
//
// deflate is the zlib format (RFC 1950), not bare RFC 1951: gRPC takes the name
// from HTTP (RFC 9110, section 8.4.1.2), and C-core writes and expects it so.
func formatOf(name string, level int) format {
	switch name {
	case Gzip:
		return format{
			name:       Gzip,
			newEncoder: func() (encoder, error) { return gzip.NewWriterLevel(io.Discard, level) },
			newDecoder: func() (decoder, error) { return new(gzip.Reader), nil },
		}
	case Deflate:
		return format{
			name:       Deflate,
			newEncoder: func() (encoder, error) { return zlib.NewWriterLevel(io.Discard, level) },
			newDecoder: func() (decoder, error) { return new(zlibDecoder), nil },
		}
	default:
		return format{
			name:       Zstd,
			newEncoder: func() (encoder, error) { return newZstdEncoder(level) },
			newDecoder: func() (decoder, error) { return newZstdDecoder() },
		}
	}
}

// zlibDecoder gives a zlib reader, which exists only once it has read a header,
// the shape of a decoder.
type zlibDecoder struct {
	io.ReadCloser // nil before the first Reset that succeeded
}

func (d *zlibDecoder) Reset(r io.Reader) error {
	if d.ReadCloser != nil {
		return d.ReadCloser.(zlib.Resetter).Reset(r, nil)
	}
	z, err := zlib.NewReader(r)
	if err == nil {
		d.ReadCloser = z
	}
	return err
}

const (
	// zstdEncoderWindow is how far back the encoder looks, in bytes. gRPC
	// messages are at most 4 MiB unless asked otherwise; the library's default
	// of 8 MiB would cost 16 MiB of history in each pooled encoder.
	zstdEncoderWindow = 1 << 20
	// zstdDecoderWindow is the largest window accepted, in bytes: the limit of
	// RFC 9659, section 3. It bounds what a hostile frame header can allocate.
	zstdDecoderWindow = 8 << 20
)

// newZstdEncoder returns an encoder that works in the calling goroutine alone.
// The library has four encoders for zstd's levels: 1 and 2 are fastest, 3 to 5
// default, 6 to 9 better (zstd.EncoderLevelFromZstd); best starts at 10.
func newZstdEncoder(level int) (encoder, error) {
	return zstd.NewWriter(nil,
		zstd.WithEncoderLevel(zstd.EncoderLevelFromZstd(level)),
		zstd.WithEncoderConcurrency(1),
		zstd.WithWindowSize(zstdEncoderWindow),
		zstd.WithLowerEncoderMem(true))
}

// newZstdDecoder returns a decoder that works in the calling goroutine alone.
func newZstdDecoder() (decoder, error) {
	return zstd.NewReader(nil,
		zstd.WithDecoderConcurrency(1),
		zstd.WithDecoderMaxWindow(zstdDecoderWindow),
		zstd.WithDecoderLowmem(true))
}
