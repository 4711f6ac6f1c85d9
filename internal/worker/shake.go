package worker

import (
	"context"
	"crypto/tls"
	"fmt"
	"sync/atomic"
	"time"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/channel"
	"grpcbench/internal/load"
	"grpcbench/internal/mask"
	"grpcbench/internal/probe"
)

// Shake asks for one connection to be opened, once, and held for the RPCs that DoAsk
// makes on it.
type Shake struct {
	// Ticket: the connection is opened for its session ticket, which the next one that
	// is not for a ticket presents. Without it that one has a session of its own.
	Ticket bool `json:"ticket"`
	// Explain: if it fails, say what the server offers instead, at the cost of a few
	// connections more.
	Explain bool `json:"explain,omitempty"`
}

// Shaken is what became of a connection that was to be opened.
type Shaken struct {
	Connected
	Resolution time.Duration `json:"resolution_ns"`   // the part of TCP in which a name was resolved
	Class      string        `json:"class,omitempty"` // why there is no connection, as package channel names it; "": there is one
	Said       string        `json:"said,omitempty"`  // the same, as a sentence with the flag to change
}

// Asked is what the RPCs on a connection took.
type Asked struct {
	// Sent and Received are the bytes that opening the connection took, what both ends
	// sent in answer to each other's SETTINGS included.
	Sent     int64 `json:"sent_bytes"`
	Received int64 `json:"received_bytes"`

	First  time.Duration `json:"first_ns"`         // of the first RPC; 0: it failed
	Steady time.Duration `json:"steady_ns"`        // of one that others came before; 0: one failed
	Code   string        `json:"code,omitempty"`   // of the RPC that failed; "": none did
	Cause  string        `json:"cause,omitempty"`  // of that, as load.End has it
	Said   string        `json:"said,omitempty"`   // what that means, and which flag to change
	Ticket bool          `json:"ticket,omitempty"` // the server has given a session ticket
}

// steadyAfter is how many RPCs come before the steady one: by then both ends have made
// what a connection's first RPCs make once, HPACK entries and buffers above all.
const steadyAfter = 3

// opening is a connection of a handshake plan. The zero value is none.
type opening struct {
	link    link
	options channel.Options // of the connection, and of the next one after a ticket
	tickets *tickets        // nil: no session is kept
	kept    bool            // options are those of a connection for a ticket
}

// drop closes the connection, if there is one.
func (o *opening) drop() {
	if o.link != nil {
		_ = o.link.Close() // it has told all that is asked of it
		o.link = nil
	}
}

// tickets is a session cache of one connection that tells whether there was one.
type tickets struct {
	tls.ClientSessionCache
	given atomic.Bool
}

// Put implements tls.ClientSessionCache.
func (t *tickets) Put(key string, s *tls.ClientSessionState) {
	if s != nil {
		t.given.Store(true)
	}
	t.ClientSessionCache.Put(key, s)
}

// renew gets options for a connection that presents no session; made is told of it.
func (o *opening) renew(t Trial, presented *atomic.Bool, made func(channel.Connection)) (err error) {
	o.tickets, o.kept = nil, false
	if o.options, err = t.Channel(presented); err != nil {
		return err
	}
	o.options.Made = made
	if o.options.TLS != nil && o.options.TLS.ClientSessionCache != nil {
		o.tickets = &tickets{ClientSessionCache: o.options.TLS.ClientSessionCache}
		o.options.TLS.ClientSessionCache = o.tickets
	}
	return nil
}

// shake opens one connection, and does nothing else meanwhile. That it cannot be
// opened is an answer.
func (g *generator) shake(ctx context.Context, s Shake) (any, error) {
	g.shaken.drop()
	if s.Ticket || !g.shaken.kept {
		if err := g.shaken.renew(g.trial, &g.presented, g.backends.made); err != nil {
			return nil, err
		}
	}
	g.shaken.kept = s.Ticket
	ctx, cancel := g.until(ctx)
	defer cancel()
	var made Shaken
	g.presented.Store(false)
	before, ok := probe.ProcessCPU()
	l, err := g.engine.attempt(ctx, g.shaken.options)
	if after, still := probe.ProcessCPU(); ok && still {
		made.CPU = new(after - before)
	}
	if err != nil {
		made.Class = channel.Class(err)
		made.Said = g.unshaken(ctx, s, err)
		return made, nil
	}
	g.shaken.link = l
	made.fill(l)
	made.Link.ClientCertificate = g.presented.Load()
	return made, nil
}

// fill is what l tells of its first connection.
func (s *Shaken) fill(l link) {
	s.Sent, s.Received = l.Bytes()
	first := l.Connections()[0]
	s.TCP, s.TLS, s.HTTP2, s.Resolution, s.Link = first.TCP, first.TLS, first.HTTP2, first.Resolution, LinkOf(first)
}

// unshaken says why there is no connection.
func (g *generator) unshaken(ctx context.Context, s Shake, err error) string {
	// What these connections present was not presented on one that is measured.
	if config, failed := g.trial.tls(new(atomic.Bool)); s.Explain && failed == nil && g.shaken.options.TLS != nil {
		to := g.shaken.options.Endpoint()
		err = channel.Diagnose(ctx, channel.ExplainTLS(ctx, err, to, config), to)
	}
	return mask.New(g.trial.Confidential()...).Hide(err.Error())
}

// ask makes RPCs on the connection that was opened, and closes it.
func (g *generator) ask(ctx context.Context) (any, error) {
	if g.shaken.link == nil {
		return nil, fmt.Errorf("order %q: must come after a connection that was opened", DoAsk)
	}
	defer g.shaken.drop()
	ctx, cancel := g.until(ctx)
	defer cancel()
	var a Asked
	a.Sent, a.Received = g.shaken.link.Bytes()
	for i := 0; i <= steadyAfter; i++ {
		took, err := g.timed(ctx)
		switch {
		case err != nil:
			end := call.EndOf(err)
			a.Code, a.Cause, a.Said = end.Code, end.Cause, g.unasked(end, err).Error()
		case i == 0:
			a.First = took
		case i == steadyAfter:
			a.Steady = took
		}
		if err != nil {
			break
		}
	}
	a.Ticket = g.shaken.tickets != nil && g.shaken.tickets.given.Load()
	return a, nil
}

// unasked says why an RPC on the connection that was opened failed.
func (g *generator) unasked(end load.End, err error) error {
	if end.Cause == cause.Deadline {
		to := g.shaken.options.Endpoint()
		return Unanswered(g.options, g.shaken.link.Settings(), fmt.Sprintf("within %s %v", to.Flag(), to.Limit()), "raise it, or see the server's log")
	}
	return Explain(g.options, g.trial.Confidential(), err)
}

// timed makes one RPC.
func (g *generator) timed(ctx context.Context) (time.Duration, error) {
	ctx, cancel := context.WithTimeout(ctx, g.trial.Timeout)
	defer cancel()
	start := time.Now()
	_, err := g.engine.once(ctx, g.shaken.link)
	return time.Since(start), err
}
