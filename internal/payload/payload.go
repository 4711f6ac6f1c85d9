// Package payload makes message bodies of a size and a class of content. Client
// and server make theirs here, so that a class compresses alike both ways.
package payload

import (
	"fmt"
	"math/rand/v2"
	"strconv"
)

// Classes of content.
const (
	Text   = "text"   // English-like words
	JSON   = "json"   // an array of records, like the answer of a web API
	Random = "random" // bytes that no compressor makes smaller
	Zeros  = "zeros"  // zero bytes
)

// Body returns size bytes of the class; size must not be negative. It is a
// function of its arguments, and a smaller body of a class is the beginning of a
// larger one, so JSON ends where the size cuts it. Text and JSON do not repeat,
// or a large body would compress to nothing.
func Body(class string, size int) ([]byte, error) {
	// PCG: the stream depends on the seed alone, whatever the machine.
	source := rand.New(rand.NewPCG(0x67727063, 0x62656e63))
	switch class {
	case Text:
		return fill(size, func(b []byte) []byte { return appendSentence(b, source) }), nil
	case JSON:
		return fill(size, func(b []byte) []byte { return appendRecord(b, source) }), nil
	case Random:
		return fill(size, func(b []byte) []byte {
			v := source.Uint64()
			return append(b, byte(v), byte(v>>8), byte(v>>16), byte(v>>24),
				byte(v>>32), byte(v>>40), byte(v>>48), byte(v>>56))
		}), nil
	case Zeros:
		return make([]byte, size), nil
	}
	return nil, fmt.Errorf("payload class %q: must be text, json, random or zeros", class)
}

// fill appends to an empty body until it has size bytes, and cuts it there.
func fill(size int, grow func([]byte) []byte) []byte {
	const longest = 256 // more than any one append: the body is never copied
	b := make([]byte, 0, size+longest)
	for len(b) < size {
		b = grow(b)
	}
	return b[:size:size]
}

// appendSentence appends 4 to 11 words and a full stop.
func appendSentence(b []byte, source *rand.Rand) []byte {
	for i := range 4 + source.IntN(8) {
		if i > 0 {
			b = append(b, ' ')
		}
		b = append(b, word(source)...)
	}
	return append(b, ". "...)
}

// appendRecord appends one record; the first of a body opens the array.
func appendRecord(b []byte, source *rand.Rand) []byte {
	if len(b) == 0 {
		b = append(b, '[')
	} else {
		b = append(b, ',')
	}
	b = append(b, `{"id":`...)
	b = strconv.AppendUint(b, source.Uint64N(1e9), 10)
	b = append(b, `,"name":"`...)
	b = append(b, word(source)...)
	b = append(b, ' ')
	b = append(b, word(source)...)
	b = append(b, `","price":`...)
	b = strconv.AppendFloat(b, float64(source.IntN(100_000))/100, 'f', 2, 64)
	b = append(b, `,"in_stock":`...)
	b = strconv.AppendBool(b, source.IntN(2) == 0)
	b = append(b, `,"tags":["`...)
	b = append(b, word(source)...)
	b = append(b, `","`...)
	b = append(b, word(source)...)
	return append(b, `"]}`...)
}

// word returns one of the vocabulary, the early ones more often: the smaller of
// two equally distributed numbers.
func word(source *rand.Rand) string {
	return vocabulary[min(source.IntN(len(vocabulary)), source.IntN(len(vocabulary)))]
}

// vocabulary is ordered by how common a word is in English.
var vocabulary = [...]string{
	"the", "of", "and", "to", "in", "that", "is", "was", "for", "with",
	"as", "his", "on", "be", "at", "by", "had", "not", "are", "but",
	"from", "or", "have", "an", "they", "which", "one", "you", "were", "her",
	"all", "their", "there", "when", "who", "will", "more", "out", "so", "what",
	"time", "people", "state", "world", "water", "school", "number", "system", "order", "house",
	"service", "question", "program", "company", "morning", "government", "river", "mountain", "garden", "window",
	"language", "distance", "material", "pressure", "surface", "interest", "industry", "movement", "history", "market",
	"between", "because", "through", "without", "another", "against", "several", "together", "however", "although",
	"quickly", "measure", "believe", "continue", "consider", "discover", "describe", "produce", "remember", "require",
	"abundant", "brilliant", "curious", "delicate", "enormous", "familiar", "generous", "hollow", "invisible", "luminous",
}
