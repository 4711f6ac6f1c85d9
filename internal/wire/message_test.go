package wire

import (
	"bytes"
	"testing"

	"grpcbench/internal/code"
)

// cut feeds b in pieces of the given sizes, over and over.
func cut(m *messages, b []byte, sizes []byte) string {
	for i := 0; len(b) > 0; i++ {
		n := 1
		if len(sizes) > 0 {
			n = max(1, int(sizes[i%len(sizes)]))
		}
		n = min(n, len(b))
		if failed := m.take(b[:n], MaxMessage); failed.Code != "" {
			return failed.Code
		}
		b = b[n:]
	}
	return ""
}

func TestMessagesAreFoundHoweverTheyAreCut(t *testing.T) {
	data := appendMessage(appendMessage(nil, []byte("hello"), false), bytes.Repeat([]byte{7}, 300), true)
	for _, sizes := range [][]byte{nil, {2}, {5}, {6}, {255}, {1, 4, 5}} {
		m := messages{keep: MaxMessage}
		if code := cut(&m, data, sizes); code != "" {
			t.Fatalf("cut by %v: %s", sizes, code)
		}
		if m.n != 2 || m.length != 300 || !m.compressed || !m.whole() || string(m.kept) != "hello" {
			t.Errorf("cut by %v: %d messages, last of %d bytes, compressed %v, whole %v, first %q", sizes, m.n, m.length, m.compressed, m.whole(), m.kept)
		}
	}
}

func TestAMessageThatIsCutOffOrTooLongOrMarkedWrongIsNone(t *testing.T) {
	half := appendMessage(nil, []byte("hello"), false)[:8]
	m := messages{}
	if code := cut(&m, half, nil); code != "" || m.whole() {
		t.Errorf("half a message: %q, whole %v", code, m.whole())
	}
	m = messages{}
	if got := m.take([]byte{0, 0xff, 0xff, 0xff, 0xff}, MaxMessage).Code; got != code.ResourceExhausted {
		t.Errorf("a message of 4 GiB: %q, want %s", got, code.ResourceExhausted)
	}
	m = messages{}
	if got := m.take([]byte("<html>"), MaxMessage).Code; got != code.ResourceExhausted {
		t.Errorf("a flag of 60 and a length above the limit: %q, want %s", got, code.ResourceExhausted)
	}
	m = messages{}
	if got := m.take([]byte{2, 0, 0, 0, 0}, MaxMessage).Code; got != code.Internal {
		t.Errorf("a flag of 2: %q, want %s", got, code.Internal)
	}
}

// FuzzMessages: what is found does not depend on how the data is cut.
func FuzzMessages(f *testing.F) {
	f.Add(appendMessage(nil, []byte("hello"), true), []byte{1, 3})
	f.Add([]byte{0, 0, 0, 0, 0, 0, 0, 0, 0, 9}, []byte{4})
	f.Fuzz(func(t *testing.T, data, sizes []byte) {
		whole, pieces := messages{keep: MaxMessage}, messages{keep: MaxMessage}
		want := ""
		if len(data) > 0 {
			want = whole.take(data, MaxMessage).Code
		}
		if got := cut(&pieces, data, sizes); got != want {
			t.Fatalf("cut by %v: %q, want %q", sizes, got, want)
		}
		if want == "" && (whole.n != pieces.n || whole.left != pieces.left || !bytes.Equal(whole.kept, pieces.kept)) {
			t.Fatalf("cut by %v: %+v, want %+v", sizes, pieces, whole)
		}
	})
}
