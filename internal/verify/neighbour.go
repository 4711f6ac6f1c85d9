package verify

import (
	"errors"
	"io"
	"os/exec"
	"time"
)

// A neighbour keeps one core busy for burst of every period.
const (
	burst  = 200 * time.Millisecond
	period = 500 * time.Millisecond
)

// Burn is a neighbour until in ends.
func Burn(in io.Reader) {
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		_, _ = io.Copy(io.Discard, in) // how it ends is nothing to a neighbour
	}()
	for {
		began := time.Now()
		for time.Since(began) < burst {
		}
		timer := time.NewTimer(period - time.Since(began))
		select {
		case <-ended:
			timer.Stop()
			return
		case <-timer.C:
		}
	}
}

// StartNeighbour starts a command that does Burn on its standard input, and returns
// what ends it and waits for its end.
func StartNeighbour(command ...string) (stop func(), err error) {
	if len(command) == 0 {
		return nil, errors.New("a neighbour: must be a command")
	}
	cmd := exec.Command(command[0], command[1:]...)
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	return func() {
		_ = in.Close() // ends it
		_ = cmd.Wait() // its exit code says nothing that is needed
	}, nil
}
