package hist

import (
	"bytes"
	"compress/zlib"
	"encoding/binary"
	"fmt"
	"math"
	"sync"
)

// Cookies of HdrHistogram's V2 encoding, with the word size that is always theirs.
const (
	cookie           = 0x1c849303 | 0x10
	compressedCookie = 0x1c849304 | 0x10
)

// compressors are of HdrHistogram's level. Each takes 0.5 MB: the library's encoder, which
// makes one for each histogram, takes twice as long as this one.
var compressors = sync.Pool{New: func() any {
	w, err := zlib.NewWriterLevel(nil, zlib.BestCompression)
	if err != nil {
		panic(err) // unreachable: the level is one of zlib's
	}
	return w
}}

// encode is HdrHistogram's V2 compressed encoding of counts, the same to the byte as the
// library's: a header, then the counts up to the last that is not 0 as zigzag LEB128
// numbers, of which a negative one stands for so many zeros (HdrHistogram, "V2 encoding").
func encode(counts []int64) (HDR, error) {
	end := len(counts)
	for end > 1 && counts[end-1] == 0 {
		end--
	}
	body := make([]byte, 40, 512)
	for i := 0; i < end; i++ {
		n := counts[i]
		if n == 0 {
			from := i
			for i+1 < end && counts[i+1] == 0 {
				i++
			}
			if zeros := int64(i - from + 1); zeros > 1 {
				n = -zeros
			}
		}
		body = binary.AppendUvarint(body, uint64(n<<1)^uint64(n>>63))
	}
	for i, v := range []uint32{cookie, uint32(len(body) - 40), 0, Digits} {
		binary.BigEndian.PutUint32(body[4*i:], v)
	}
	for i, v := range []uint64{Lowest, Highest, math.Float64bits(1)} {
		binary.BigEndian.PutUint64(body[16+8*i:], v)
	}
	out := bytes.NewBuffer(make([]byte, 8, len(body)))
	w := compressors.Get().(*zlib.Writer)
	defer compressors.Put(w)
	w.Reset(out)
	if _, err := w.Write(body); err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	if err := w.Close(); err != nil {
		return nil, fmt.Errorf("encode histogram: %w", err)
	}
	raw := out.Bytes()
	binary.BigEndian.PutUint32(raw, compressedCookie)
	binary.BigEndian.PutUint32(raw[4:], uint32(len(raw)-8))
	return raw, nil
}
