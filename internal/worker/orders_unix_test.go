//go:build unix

package worker

import (
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
	"time"
)

// blocking is a pipe as a child has it for its standard input.
func blocking(t *testing.T) (in, out *os.File) {
	t.Helper()
	var fds [2]int
	if err := syscall.Pipe(fds[:]); err != nil {
		t.Fatal(err)
	}
	in, out = os.NewFile(uintptr(fds[0]), "in"), os.NewFile(uintptr(fds[1]), "out")
	t.Cleanup(func() { _, _ = in.Close(), out.Close() }) // over
	return in, out
}

// Only a file that is waited for by the poller has deadlines.
func TestWaitingForOrdersHoldsNoThread(t *testing.T) {
	in, out := blocking(t)
	if err := in.SetReadDeadline(time.Now()); !errors.Is(err, os.ErrNoDeadline) {
		t.Fatalf("%v, want a pipe that is read in blocking mode", err)
	}
	r, ok := parked(in).(*os.File)
	if !ok {
		t.Fatal("a pipe is no file any more")
	}
	defer r.Close()
	if err := r.SetReadDeadline(time.Now().Add(time.Minute)); err != nil {
		t.Fatalf("%v: a read of it holds a thread", err)
	}
	if _, err := out.WriteString("order"); err != nil {
		t.Fatal(err)
	}
	b := make([]byte, 8)
	if n, err := r.Read(b); err != nil || string(b[:n]) != "order" {
		t.Errorf("read %q, %v", b[:n], err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := r.Read(b); err != io.EOF {
		t.Errorf("%v of a parent that is gone, want EOF", err)
	}
}

func TestOrdersAreWaitedForSo(t *testing.T) {
	in, out := blocking(t)
	if _, err := out.WriteString(`{"do":"x"}`); err != nil {
		t.Fatal(err)
	}
	if err := out.Close(); err != nil {
		t.Fatal(err)
	}
	asked := false
	err := obey(t.Context(), in, io.Discard, func(context.Context, Order, func(any) error) (any, error) {
		asked = true
		fd, err := duplicate(int(in.Fd()))
		if err != nil {
			return nil, err
		}
		same := os.NewFile(uintptr(fd), "same") // has deadlines if the pipe is not in blocking mode
		defer same.Close()
		if err := same.SetReadDeadline(time.Time{}); err != nil {
			t.Errorf("%v: the next order is waited for by a thread", err)
		}
		return nil, nil
	}, nil)
	if err != nil || !asked {
		t.Errorf("%v, asked %t", err, asked)
	}
}

func TestOrdersFromAnywhereElseAreReadAsTheyAre(t *testing.T) {
	pipe, other, err := os.Pipe() // by the poller
	if err != nil {
		t.Fatal(err)
	}
	defer pipe.Close()
	defer other.Close()
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, in := range []io.Reader{strings.NewReader("x"), null, pipe} {
		if got := parked(in); got != in {
			t.Errorf("%T is replaced", in)
		}
	}
}
