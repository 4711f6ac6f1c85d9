package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"grpcbench/internal/servercmd"
)

// TestASecondSignalSoonAfterDoesNotEndTheServer: timeout(1) sends SIGTERM to a process and
// then to its group.
func TestASecondSignalSoonAfterDoesNotEndTheServer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		stopped := false
		secondEnds(ctx, func() { stopped = true })
		cancel()
		time.Sleep(servercmd.OneStop - 1)
		synctest.Wait()
		if stopped {
			t.Error("a second signal ends the server at once")
		}
		time.Sleep(time.Nanosecond)
		synctest.Wait()
		if !stopped {
			t.Error("a later signal does not end the server")
		}
	})
}
