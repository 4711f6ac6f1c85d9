package runner

import (
	"context"
	"fmt"

	"grpcbench/internal/worker"
)

// look has each generator ask the server of a TARGET what it has counted, before the
// first RPC. That a server does not tell is no error.
func (r *run) look(ctx context.Context, e *epoch) error {
	for _, a := range e.arms {
		if a.arm.Settings.Target == "" {
			continue
		}
		if err := a.gen.ask(ctx, worker.Order{Do: worker.DoLook}, orderLimit, nil); err != nil {
			return r.armErr(a.arm.Name, fmt.Errorf("ask bench.v1.Control: %w", err))
		}
	}
	return nil
}
