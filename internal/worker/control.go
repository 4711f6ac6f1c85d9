package worker

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"

	"grpcbench/internal/call"
	"grpcbench/internal/channel"
	benchv1 "grpcbench/proto/bench/v1"
)

// controlLimit bounds each question to bench.v1.Control, connecting included.
const controlLimit = 2 * time.Second

// Control asks a server's bench.v1.Control what it has counted, on a connection of its
// own: what that carries is no measured RPC's.
type Control struct{ channel *channel.Channel }

// Why a server does not tell what it has counted, as a report has it.
var (
	errNoSecond  = errors.New("a second connection could not be opened")
	errNoControl = errors.New("the server does not have bench.v1.Control")
	errNoStreams = errors.New("the server allows no streams")
)

// OpenControl connects to the server of t. The error says why nothing can be asked.
func OpenControl(ctx context.Context, t Trial) (*Control, error) {
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	options, err := t.Channel(new(atomic.Bool)) // what it presents was not presented on a measured connection
	if err != nil {
		return nil, errNoSecond
	}
	c, err := channel.Open(ctx, options)
	if err != nil {
		return nil, errNoSecond
	}
	return &Control{c}, nil
}

// Close closes the connection. A nil Control has none.
func (c *Control) Close() {
	if c != nil {
		_ = c.channel.Close() // nothing is lost with it
	}
}

// Snapshot is all that the server has counted. The error says why it does not tell. With
// noteNames the server keeps the names of the next RPC's metadata.
func (c *Control) Snapshot(ctx context.Context, noteNames bool) (*benchv1.SnapshotResponse, error) {
	if allowsNoStreams(c.channel.Settings()) {
		return nil, errNoStreams // the answer would be waited for in vain
	}
	ctx, cancel := context.WithTimeout(ctx, controlLimit)
	defer cancel()
	s, err := benchv1.NewControlClient(c.channel.ClientConn).Snapshot(ctx, &benchv1.SnapshotRequest{NoteNames: noteNames})
	switch {
	case status.Code(err) == codes.Unimplemented, err == nil && s.GetInstanceId() == "":
		return nil, errNoControl
	case err != nil:
		return nil, fmt.Errorf("bench.v1.Control answers %s", call.Code(err))
	}
	return s, nil
}

// Since is what a server counted of RPCs, their messages and their metadata from one
// snapshot to the next; the names of metadata are those that the later one holds. It is
// nil when they are of two instances.
func Since(before, after *benchv1.SnapshotResponse) *benchv1.SnapshotResponse {
	if before.GetInstanceId() != after.GetInstanceId() {
		return nil
	}
	was, is := before.GetRpcs(), after.GetRpcs()
	return &benchv1.SnapshotResponse{
		InstanceId: after.GetInstanceId(),
		Rpcs: &benchv1.Rpcs{
			Started: is.GetStarted() - was.GetStarted(), Ok: is.GetOk() - was.GetOk(),
			Failed:            countsSince(was.GetFailed(), is.GetFailed()),
			RequestEncodings:  countsSince(was.GetRequestEncodings(), is.GetRequestEncodings()),
			ResponseEncodings: countsSince(was.GetResponseEncodings(), is.GetResponseEncodings()),
		},
		Codec: &benchv1.Codec{
			Decompressed: workSince(before.GetCodec().GetDecompressed(), after.GetCodec().GetDecompressed()),
			Compressed:   workSince(before.GetCodec().GetCompressed(), after.GetCodec().GetCompressed()),
		},
		UserMetadata: &benchv1.UserMetadata{
			Keys:       after.GetUserMetadata().GetKeys() - before.GetUserMetadata().GetKeys(),
			ValueBytes: after.GetUserMetadata().GetValueBytes() - before.GetUserMetadata().GetValueBytes(),
			Names:      after.GetUserMetadata().GetNames(),
		},
	}
}

// countsSince are the counts that have grown.
func countsSince(before, after map[string]uint64) map[string]uint64 {
	grown := map[string]uint64{}
	for name, n := range after {
		if n > before[name] {
			grown[name] = n - before[name]
		}
	}
	return grown
}

func workSince(before, after *benchv1.CodecWork) *benchv1.CodecWork {
	w := &benchv1.CodecWork{
		Messages:    after.GetMessages() - before.GetMessages(),
		InputBytes:  after.GetInputBytes() - before.GetInputBytes(),
		OutputBytes: after.GetOutputBytes() - before.GetOutputBytes(),
	}
	if before != nil && after != nil && before.CpuNs != nil && after.CpuNs != nil {
		w.CpuNs = new(after.GetCpuNs() - before.GetCpuNs())
	}
	return w
}

// evidence is what a generator asks a server that is not the run's own.
type evidence struct {
	before *benchv1.SnapshotResponse // nil: the server does not tell
}

// look asks the server before the generator's first RPC. The connection is closed, so
// that the server holds none that is not measured.
func (e *evidence) look(ctx context.Context, t Trial) { e.before = snapshotOf(ctx, t, true) }

// counted is what the server counted since look; nil when it does not tell, and then it
// is not asked again.
func (e *evidence) counted(ctx context.Context, t Trial) *Snapshot {
	if e.before == nil {
		return nil
	}
	after := snapshotOf(ctx, t, false)
	if after == nil {
		e.before = nil
		return nil
	}
	since := Since(e.before, after)
	if since == nil {
		return nil
	}
	return &Snapshot{since}
}

func snapshotOf(ctx context.Context, t Trial, noteNames bool) *benchv1.SnapshotResponse {
	c, err := OpenControl(ctx, t)
	if err != nil {
		return nil
	}
	defer c.Close()
	s, err := c.Snapshot(ctx, noteNames)
	if err != nil {
		return nil
	}
	return s
}
