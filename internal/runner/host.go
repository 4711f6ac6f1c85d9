package runner

import (
	"context"
	"errors"
	"time"

	"grpcbench/internal/mask"
	"grpcbench/internal/plan"
	"grpcbench/internal/worker"
)

// Single is what one call needs outside of a run: a server, and the order that
// says where and how to call it.
type Single struct {
	Trial worker.Trial
	host  *process // nil with a TARGET
}

// OpenSingle makes p's first arm ready for a call: without a TARGET its bundled
// server is started, as a run does it with Options.Command. Close ends it.
func OpenSingle(ctx context.Context, p plan.Plan, command []string) (*Single, error) {
	r := &run{plan: p, options: Options{Command: command}, began: time.Now(), secrets: mask.New(p.Confidential()...)}
	if err := r.certificates(); err != nil {
		return nil, err
	}
	e := &armEpoch{arm: p.Arms[0]}
	if err := r.startHost(ctx, e); err != nil {
		if e.host != nil {
			e.host.stop()
		}
		return nil, err
	}
	return &Single{Trial: *r.trial(e.arm, 0, 0, e.address), host: e.host}, nil
}

// Close ends the server that OpenSingle started.
func (s *Single) Close() {
	if s.host != nil {
		s.host.stop()
	}
}

// startHost starts the arm's server, unless it has a TARGET.
func (r *run) startHost(ctx context.Context, a *armEpoch) error {
	a.address = a.arm.Settings.Target
	if a.address != "" {
		a.pids, a.named = r.plan.Target.PIDs(), r.named
		return nil
	}
	var err error
	if a.host, err = start(r.options.Command, Host, "server of arm "+a.arm.Name, r.secrets); err != nil {
		return err
	}
	var at worker.Listening
	limit := orderLimit + max(r.plan.ServerStartTimeout, plan.ServerStartTimeout)
	if err := a.host.ask(ctx, worker.Order{Do: worker.DoServe, Serve: r.serve(a.arm)}, limit, &at); err != nil {
		return r.withoutSecrets(a, err)
	}
	a.address, a.hostCodec, a.sha256 = at.Address, at.Codec, at.SHA256
	for _, line := range at.Printed {
		a.printed = append(a.printed, r.secrets.Hide(line))
	}
	if a.pids = at.PIDs; a.bundled() {
		a.pids = []int{a.host.pid()}
	}
	return nil
}

// withoutSecrets is an error of a's host. That of a server binary holds what the program
// wrote, which may repeat what it was sent.
func (r *run) withoutSecrets(a *armEpoch, err error) error {
	if a.arm.Settings.ServerBinary == "" {
		return err
	}
	return errors.New(r.secrets.Hide(err.Error()))
}
