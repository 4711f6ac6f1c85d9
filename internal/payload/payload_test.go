package payload_test

import (
	"bytes"
	"compress/gzip"
	"strings"
	"testing"

	"grpcbench/internal/payload"
)

func body(t *testing.T, class string, size int) []byte {
	t.Helper()
	b, err := payload.Body(class, size)
	if err != nil {
		t.Fatal(err)
	}
	return b
}

func gzipped(t *testing.T, b []byte) int {
	t.Helper()
	var out bytes.Buffer
	z := gzip.NewWriter(&out)
	if _, err := z.Write(b); err != nil {
		t.Fatal(err)
	}
	if err := z.Close(); err != nil {
		t.Fatal(err)
	}
	return out.Len()
}

func TestASmallBodyIsTheBeginningOfALargeOne(t *testing.T) {
	for _, class := range []string{payload.Text, payload.JSON, payload.Random, payload.Zeros} {
		large := body(t, class, 100_000)
		for _, size := range []int{0, 1, 7, 256, 4096, 99_999} {
			if got := body(t, class, size); len(got) != size || !bytes.Equal(got, large[:size]) {
				t.Errorf("%s: %d bytes are not the first %d of a larger body", class, len(got), size)
			}
		}
	}
}

// Bounds, as parts of the size: text and JSON of everyday services shrink to
// between a sixth and a half; random bytes grow by gzip's own 18 bytes and more;
// zeros shrink to DEFLATE's limit of 1/1032 (RFC 1951: 258 bytes in two bits).
func TestClassesCompressAsTheirNamesSay(t *testing.T) {
	tests := []struct {
		class    string
		size     int
		min, max float64
	}{
		{payload.Text, 4096, 1. / 6, 1. / 2},
		{payload.Text, 1 << 20, 1. / 6, 1. / 2},
		{payload.JSON, 4096, 1. / 6, 1. / 2},
		{payload.JSON, 1 << 20, 1. / 6, 1. / 2},
		{payload.Random, 4096, 1, 1.01},
		{payload.Zeros, 1 << 20, 1. / 1032, 1. / 900},
	}
	for _, tt := range tests {
		ratio := float64(gzipped(t, body(t, tt.class, tt.size))) / float64(tt.size)
		if ratio < tt.min || ratio > tt.max {
			t.Errorf("%s of %d bytes: gzip leaves %.4f of it, want [%.4f, %.4f]", tt.class, tt.size, ratio, tt.min, tt.max)
		}
	}
}

func TestUnknownClassIsNamed(t *testing.T) {
	_, err := payload.Body("lorem", 1)
	if err == nil || !strings.Contains(err.Error(), `payload class "lorem": must be text, json, random or zeros`) {
		t.Errorf("got %v", err)
	}
}
