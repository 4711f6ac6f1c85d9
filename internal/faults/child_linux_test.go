package faults

import (
	"context"
	"io"

	"grpcbench/internal/runner"
	"grpcbench/internal/worker"
)

// roles are what the test binary can be besides a test: the children of a run.
var roles = map[string]func(context.Context, io.Reader, io.Writer) error{
	runner.Host: worker.Host, runner.Generator: worker.Generate,
}

func child(notes, role string) int { return 0 }
