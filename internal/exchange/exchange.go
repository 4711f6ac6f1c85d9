// Package exchange makes one RPC on a connection of its own and notes what both
// ends show of it: what was negotiated, sent and received, and how long each part
// took. It makes one call and compares nothing; it stores nothing and prints
// nothing.
package exchange

import (
	"context"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc"

	"grpcbench/internal/call"
	"grpcbench/internal/channel"
	"grpcbench/internal/codec"
	"grpcbench/internal/plan"
	"grpcbench/internal/worker"
)

// Exchange is one RPC and the connection it was made on. Texts that a server
// chose are as it wrote them: neither masked nor safe to print.
type Exchange struct {
	Settings plan.Settings // as asked
	Method   string        // full name
	Address  string        // of the server, as asked

	// Connection has the durations of connecting.
	Connection  channel.Connection
	Link        worker.Link
	Certificate *Certificate // nil: plaintext
	// ServerSettings are the server's on the latest connection; GoAways are the connections
	// that it ended.
	ServerSettings channel.Settings
	GoAways        channel.GoAways
	// Attempts are the streams of the RPC, in order: a server may refuse one unseen, which
	// is then made again, on another connection if it has ended this one.
	Attempts []Attempt
	// MoreAttempts is how many there were after those.
	MoreAttempts int
	// Opening is what connecting took, up to the first quiet moment; Traffic what
	// the RPC did, up to the next.
	Opening, Traffic Bytes

	Request, Response Message
	// Sent is the metadata of the RPC, gRPC's user-agent included; Header and
	// Trailer are the server's. Names are in lower case, -bin values decoded.
	Sent, Header, Trailer map[string][]string

	Status  Status
	Moments Moments
	Server  Server
	// Failure says in one sentence why the RPC failed and which flag to change,
	// without any metadata value; nil: it is OK.
	Failure error
}

// Bytes is what TCP carried, TLS included.
type Bytes struct{ Sent, Received int64 }

// Message is one direction's message. The zero value is none.
type Message struct {
	Present    bool
	Announced  string // grpc-encoding of its direction; "": none
	Compressed bool
	Bytes      int // of the message itself
	Wire       int // of the message as sent, without the five bytes before it
}

// Moments are when parts of the RPC were there, after its start; 0: they never
// were.
type Moments struct {
	Sent    time.Duration // the request was handed to the connection
	Header  time.Duration // the response's header had come
	Message time.Duration // the response's message had come
	End     time.Duration // the RPC had ended
}

// patience is how long a call without a deadline may take. It is no deadline: a
// server is not told of it.
const patience = 30 * time.Second

// Do makes the RPC of t. The error says why no RPC could be made; an RPC that
// failed is an Exchange with a Failure.
//
// It installs the compressors of the process, so it is called once in a process,
// before any other channel exists.
func Do(ctx context.Context, t worker.Trial) (Exchange, error) {
	options, err := worker.Options(t.Settings, t.Secrets, t.Request, t.Body)
	if err != nil {
		return Exchange{}, err
	}
	options.Expect = t.Expect
	counters := codec.Install(t.Settings.Accepts(), t.Settings.Compression)
	var presented atomic.Bool
	seen := &watch{}
	ch, err := open(ctx, t, &presented, seen)
	if err != nil {
		return Exchange{}, err
	}
	defer func() { _ = ch.Close() }() // the call is over; nothing is lost with its connection
	e := Exchange{Settings: t.Settings, Method: options.Name(), Address: t.Address, Connection: ch.Connections()[0]}
	e.Link = worker.LinkOf(e.Connection)
	e.Link.ClientCertificate = presented.Load()
	e.Certificate = certificateOf(e.Connection.State)

	server := observe(ctx, t)
	defer server.close()
	e.Opening = quiet(ctx, ch)
	before := counters.Snapshot()
	e.Status, e.Failure = once(ctx, options, t.Confidential(), ch)
	e.Traffic = quiet(ctx, ch)
	e.Traffic.Sent -= e.Opening.Sent
	e.Traffic.Received -= e.Opening.Received
	seen.causes(ch, e.Status)
	seen.fill(&e)
	e.ServerSettings, e.GoAways = ch.Settings(), ch.GoAways()
	work := counters.Snapshot().Sub(before)
	e.Request.Compressed, e.Response.Compressed = work.Compress.Messages > 0, work.Decompress.Messages > 0
	e.Server = server.saw(ctx)
	return e, nil
}

// open opens the connection of the RPC. With resumption it is opened once before,
// for its ticket.
func open(ctx context.Context, t worker.Trial, presented *atomic.Bool, seen *watch) (*channel.Channel, error) {
	options, err := t.Channel(presented)
	if err != nil {
		return nil, err
	}
	if t.Settings.Resumption {
		first, err := channel.Open(ctx, options)
		if err != nil {
			return nil, err
		}
		if err := first.Close(); err != nil {
			return nil, fmt.Errorf("close connection: %w", err)
		}
	}
	options.Dial = []grpc.DialOption{grpc.WithStatsHandler(seen)}
	return channel.Open(ctx, options)
}

// once makes the RPC.
func once(ctx context.Context, o call.Options, secrets []string, conn *channel.Channel) (Status, error) {
	within, cancel := worker.Patient(ctx, o.Deadline, patience)
	defer cancel()
	heard, err := call.Once(within, o, conn)
	s := statusOf(err)
	if heard.Expected != "" {
		s = statusOf(heard.Ended)
	}
	switch {
	case worker.NotAccepted(o, heard) != nil:
		return s, worker.NotAccepted(o, heard)
	case err == nil:
		return s, nil
	case context.Cause(within) == worker.ErrPatience:
		return s, worker.NoAnswer(o, conn.Settings(), patience)
	case passed(within) && ctx.Err() == nil:
		return s, worker.Unanswered(o, conn.Settings(), fmt.Sprintf("within --deadline %v", o.Deadline), "raise it")
	}
	return s, worker.Explain(o, secrets, err)
}

// passed reports whether ctx has a deadline that is over. It does not ask
// ctx.Err: the server's own answer to the deadline may be here before the timer
// has run.
func passed(ctx context.Context) bool {
	at, ok := ctx.Deadline()
	return ok && !time.Now().Before(at)
}

const (
	// still is how long no byte moves on a connection that is quiet: on loopback
	// what follows something follows within a fraction of it.
	still = 5 * time.Millisecond
	// restless is how many times that a connection is waited for at most.
	restless = 20
)

// quiet waits for a moment in which nothing moves, so that what connecting still
// sends (acknowledged SETTINGS, tickets) is not taken for the RPC's, and returns
// the bytes up to then.
func quiet(ctx context.Context, c *channel.Channel) Bytes {
	tick := time.NewTicker(still)
	defer tick.Stop()
	var last Bytes
	last.Sent, last.Received = c.Bytes()
	for range restless {
		select {
		case <-tick.C:
		case <-ctx.Done():
			return last
		}
		var now Bytes
		now.Sent, now.Received = c.Bytes()
		if now == last {
			break
		}
		last = now
	}
	return last
}
