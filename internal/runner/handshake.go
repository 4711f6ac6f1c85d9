package runner

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/load"
	"grpcbench/internal/plan"
	"grpcbench/internal/probe"
	"grpcbench/internal/worker"
)

// givenUp is how many connections of an arm may go without an answer, one after the
// other, before the run ends: each of them takes its whole timeout.
const givenUp = 3

// handshakeEpoch is epoch for a handshake plan: connections of all arms one at a time,
// in random order, then a saturated block of each.
func (r *run) handshakeEpoch(ctx context.Context, index int) (*epoch, error) {
	began := time.Now()
	e := &epoch{index: index}
	order := rand.New(rand.NewPCG(r.plan.Seed, uint64(index)))
	defer func() { stopAll(e.processes()) }()
	r.progress("starting", index)
	err := r.start(ctx, e, order)
	if err == nil && index == 0 {
		r.progress("preflight", index)
		err = r.preflightHandshakes(ctx, e)
	}
	if err != nil || ctx.Err() != nil {
		return nil, r.unlessStopped(ctx, err)
	}
	defer context.AfterFunc(ctx, e.interrupt)()
	r.progress("connecting", index)
	e.start = r.machine.Now()
	w := r.machine.Watch(r.pids(e)...)
	failure := r.shakeAll(ctx, e, order)
	e.took = r.machine.Now().Sub(e.start)
	if i := w.Stop(); ctx.Err() == nil {
		e.machine = &i
	}
	if ctx.Err() == nil && failure == nil && r.plan.Saturated > 0 {
		r.progress("saturating", index)
		r.rush(ctx, e, order)
	}
	e.interrupted = ctx.Err() != nil || failure != nil
	r.progress("finishing", index)
	for _, a := range e.arms {
		if a.account(worker.DoFinish); a.finished == nil {
			return nil, r.armErr(a.arm.Name, a.failed)
		}
		a.book.rush(a.rushed)
	}
	r.took(time.Since(began))
	return e, errors.Join(failure, r.failure(e))
}

// shakeAll opens the connections of all arms, one at a time in random order.
func (r *run) shakeAll(ctx context.Context, e *epoch, order *rand.Rand) error {
	var all []*armEpoch
	for _, a := range e.arms {
		all = append(all, slices.Repeat([]*armEpoch{a}, r.plan.Handshakes.Count)...)
		n := int64(r.plan.Handshakes.Of(a.arm.Settings))
		a.book.ledger.Planned, a.book.ledger.NotStarted = n, n
	}
	order.Shuffle(len(all), func(i, j int) { all[i], all[j] = all[j], all[i] })
	pace := pacer{next: time.Now()}
	if rate := r.plan.Handshakes.Rate; rate > 0 {
		pace.every = time.Duration(1e9 / rate)
	}
	for _, a := range all {
		kinds := []bool{false}
		if a.arm.Settings.Resumption {
			kinds = []bool{true, false} // for its ticket, and the one that presents it
		}
		for _, ticket := range kinds {
			if !pace.wait(ctx) {
				return nil
			}
			if err := a.shake(ctx, r.plan.Handshakes.Timeout, ticket); err != nil {
				return r.unlessStopped(ctx, r.armErr(a.arm.Name, err))
			}
		}
	}
	return nil
}

// pacer holds connections apart.
type pacer struct {
	every time.Duration
	next  time.Time
}

// wait returns when the next connection is due; false: ctx has ended.
func (p *pacer) wait(ctx context.Context) bool {
	if p.every > 0 {
		load.Sleep(ctx, time.Until(p.next))
		p.next = p.next.Add(p.every)
		if now := time.Now(); p.next.Before(now) {
			p.next = now // what was late is not made up for
		}
	}
	return ctx.Err() == nil
}

// shake opens one connection, reads the server's clock around it, makes its RPCs and
// books all of it.
func (a *armEpoch) shake(ctx context.Context, timeout time.Duration, ticket bool) error {
	before, ok := a.usage(probe.Usage{})
	// Not ctx: an interrupted generator still answers, soon.
	ctx = context.WithoutCancel(ctx)
	var made worker.Shaken
	if err := a.gen.ask(ctx, worker.Order{Do: worker.DoShake, Shake: &worker.Shake{Ticket: ticket}}, timeout+orderLimit, &made); err != nil {
		return err
	}
	if made.Class != "" {
		a.book.ledger.NotStarted--
		a.book.shaken(made, nil, true)
		return a.unanswered(made)
	}
	a.silent = 0
	time.Sleep(settle)
	serverCPU := a.spent(before, ok)
	var asked worker.Asked
	if err := a.gen.ask(ctx, worker.Order{Do: worker.DoAsk}, 4*timeout+orderLimit, &asked); err != nil {
		return err
	}
	// By now the last bytes of the beginning are there, which come after the SETTINGS.
	made.Sent, made.Received = asked.Sent, asked.Received
	a.book.ledger.NotStarted--
	a.book.shaken(made, serverCPU, true)
	a.book.asked(made, asked)
	return nil
}

// unanswered gives up on a server that says nothing.
func (a *armEpoch) unanswered(c worker.Shaken) error {
	if !strings.HasPrefix(c.Class, "TIMEOUT_") {
		a.silent = 0
		return nil
	}
	if a.silent++; a.silent < givenUp {
		return nil
	}
	return fmt.Errorf("%d connections one after the other had no answer: %s", givenUp, c.Said)
}

// preflightHandshakes opens a connection of each arm, or the two that resumption needs,
// and makes RPCs on it, before anything is measured.
func (r *run) preflightHandshakes(ctx context.Context, e *epoch) error {
	for _, a := range e.arms {
		if err := a.preflight(ctx, r.plan.Handshakes.Timeout); err != nil {
			return fmt.Errorf("%w: %w", ErrPreflight, r.armErr(a.arm.Name, err))
		}
	}
	return nil
}

func (a *armEpoch) preflight(ctx context.Context, timeout time.Duration) error {
	resumption := a.arm.Settings.Resumption
	first, asked, err := a.try(ctx, timeout, resumption)
	if err != nil || !resumption {
		return err
	}
	if !asked.Ticket {
		return fmt.Errorf("the server gives no session ticket for TLS %s (use --resumption off)", first.Link.TLSVersion)
	}
	second, _, err := a.try(ctx, timeout, false)
	if err == nil && !second.Link.Resumed {
		err = fmt.Errorf("the server gives session tickets for TLS %s and resumes no session with them (use --resumption off)", first.Link.TLSVersion)
	}
	return err
}

// try is a connection of the preflight, with its RPCs.
func (a *armEpoch) try(ctx context.Context, timeout time.Duration, ticket bool) (made worker.Shaken, asked worker.Asked, err error) {
	// Finding out what the server offers takes a few timeouts more.
	err = a.gen.ask(ctx, worker.Order{Do: worker.DoShake, Shake: &worker.Shake{Ticket: ticket, Explain: true}}, 8*timeout+orderLimit, &made)
	if err != nil {
		return made, asked, err
	}
	a.book.shaken(made, nil, false)
	if made.Class != "" {
		return made, asked, errors.New(made.Said)
	}
	if err := a.checkHolders(made.Link); err != nil {
		return made, asked, err
	}
	err = a.gen.ask(ctx, worker.Order{Do: worker.DoAsk}, 4*timeout+orderLimit, &asked)
	if err == nil && asked.Code != "" {
		err = errors.New(asked.Said)
	}
	return made, asked, err
}

// rush gives each arm the machine for itself, in random order. The connections of a block
// that was cut short are counted all the same.
func (r *run) rush(ctx context.Context, e *epoch, order *rand.Rand) {
	for _, i := range order.Perm(len(e.arms)) {
		a := e.arms[i]
		var got worker.Rushed
		if r.atFullSpeed(ctx, a, worker.DoRush, &got) {
			a.rushed, a.rushWhole = &got, a.failed == nil && ctx.Err() == nil
		}
	}
}

// estimateHandshakes is how long an epoch of a handshake plan should take.
func (r *run) estimateHandshakes() time.Duration {
	const each = 6 * time.Millisecond // a connection with its RPCs, on loopback
	h := r.plan.Handshakes
	n := 0
	for _, a := range r.plan.Arms {
		n += h.Of(a.Settings)
	}
	took := time.Duration(n) * each
	if h.Rate > 0 {
		took = max(took, time.Duration(float64(n)/h.Rate*1e9))
	}
	return took + time.Duration(len(r.plan.Arms))*(r.plan.Saturated+100*time.Millisecond)
}

// lost is how many connections failed so far.
func (a *armEpoch) lost() int64 {
	n := a.book.ledger.Failures()
	if a.measured != nil {
		n += a.measured.Ledger.Lost()
	}
	return n
}

// handshakes says whether the plan opens connections for their own sake.
func (r *run) handshakes() bool { return r.plan.Kind == plan.KindHandshake }
