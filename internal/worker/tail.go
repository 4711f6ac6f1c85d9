package worker

import (
	"bytes"
	"sync"
)

// Tail is an io.Writer that keeps the end of what a process wrote: 2 KiB. The zero
// value is empty. It is safe for concurrent use.
type Tail struct {
	mu   sync.Mutex
	text bytes.Buffer
}

const tailLength = 2 << 10

// Write implements io.Writer. It never fails.
func (t *Tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text.Write(b)
	if extra := t.text.Len() - tailLength; extra > 0 {
		t.text.Next(extra)
	}
	return len(b), nil
}

// String returns what is kept.
func (t *Tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.text.String()
}
