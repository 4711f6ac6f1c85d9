package call

import (
	"fmt"
	"math/rand/v2"
)

// SizedMetadata is synthetic metadata of a known size: what it costs depends on
// three things, its size, whether values repeat (HPACK's table remembers them)
// and their alphabet (Huffman coding). The zero value is none.
type SizedMetadata struct {
	Bytes  int // sum of value bytes, before base64, over all keys
	Keys   int // x-bench-0, x-bench-1, …
	Unique bool
	Binary bool // raw bytes under -bin keys; else hexadecimal digits
}

// minUnique is the fewest bytes a unique value needs to stay unique over a run.
const minUnique = 10

// entries returns the keys with a value each; the sizes differ by one byte at
// most.
func (m SizedMetadata) entries() []Pair {
	if m.Bytes == 0 {
		return nil
	}
	r := rand.New(rand.NewPCG(7, 541))
	entries := make([]Pair, m.Keys)
	for i := range entries {
		n := m.Bytes / m.Keys
		if i < m.Bytes%m.Keys {
			n++
		}
		value := make([]byte, n)
		for j := range value {
			if m.Binary {
				value[j] = byte(r.UintN(256))
			} else {
				value[j] = hexDigits[r.UintN(16)]
			}
		}
		entries[i] = Pair{Name: m.key(i), Value: string(value)}
	}
	return entries
}

func (m SizedMetadata) key(i int) string {
	if m.Binary {
		return fmt.Sprintf("x-bench-%d-bin", i)
	}
	return fmt.Sprintf("x-bench-%d", i)
}

const hexDigits = "0123456789abcdef"

// unique returns value with its first minUnique bytes replaced by n in
// hexadecimal, so that no two values are equal and all are equally long.
func (m SizedMetadata) unique(value string, n int64) string {
	b := []byte(value)
	for i := minUnique - 1; i >= 0; i-- {
		b[i] = hexDigits[n&15]
		n >>= 4
	}
	return string(b)
}
