package runner_test

import (
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/emptypb"

	"grpcbench/internal/benchserver"
	"grpcbench/internal/result"
	"grpcbench/internal/runner"
	"grpcbench/testing/lane"
)

// counting starts a server that tells what it has counted, as grpc-bench server does.
func counting(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s, err := benchserver.New(benchserver.Options{})
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }() // until it is stopped
	t.Cleanup(func() { s.Stop(time.Second) })
	return l.Addr().String()
}

// before starts a proxy in front of upstream that sends RPCs on with the metadata that
// on makes of theirs, each of a measured method times times.
func before(t *testing.T, upstream string, times int, on func(metadata.MD)) string {
	t.Helper()
	to, err := grpc.NewClient("passthrough:///"+upstream, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	pass := func(_ any, stream grpc.ServerStream) error {
		method, _ := grpc.MethodFromServerStream(stream)
		var request, response emptypb.Empty // which keeps what it does not know
		if err := stream.RecvMsg(&request); err != nil {
			return err
		}
		md, _ := metadata.FromIncomingContext(stream.Context())
		md = md.Copy()
		for _, own := range []string{":authority", "content-type", "user-agent", "grpc-accept-encoding", "te"} {
			delete(md, own)
		}
		n := 1
		if !strings.Contains(method, "Control") {
			on(md)
			n = times
		}
		for range n {
			if err := to.Invoke(metadata.NewOutgoingContext(stream.Context(), md), method, &request, &response); err != nil {
				return err
			}
		}
		return stream.SendMsg(&response)
	}
	s := grpc.NewServer(grpc.UnknownServiceHandler(pass))
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = s.Serve(l) }() // until it is stopped
	t.Cleanup(func() { s.Stop(); _ = to.Close() })
	return l.Addr().String()
}

// only is the only arm of a result.
func only(t *testing.T, r result.Result) result.Arm {
	t.Helper()
	if len(r.Arms) != 1 {
		t.Fatalf("%d arms, want 1", len(r.Arms))
	}
	return r.Arms[0]
}

// A TARGET that has bench.v1.Control is asked what arrived, through a proxy too, and what
// it saw is held against the settings.
func TestATargetThatCountsIsAskedWhatArrived(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	nothing := func(metadata.MD) {}
	for name, of := range map[string]struct {
		on      func(metadata.MD)
		args    []string
		verdict result.Verdict // of the check
		says    string
	}{
		"all arrives":    {nothing, nil, result.Valid, ""},
		"a deadline":     {nothing, []string{"--deadline", "10s"}, result.Valid, ""},
		"one is dropped": {func(md metadata.MD) { delete(md, "tenant_id") }, nil, result.Invalid, "metadata keys: asked for 2 in each RPC, observed 1"},
		"one is dropped and one added": {func(md metadata.MD) { delete(md, "tenant_id"); md.Set("x-forwarded-for", "127.0.0.1") },
			nil, result.Invalid, "metadata tenant_id: sent, and did not arrive"},
		"all are dropped": {func(md metadata.MD) { clear(md) }, nil, result.Invalid, "metadata keys: asked for 2 in each RPC, observed 0"},
		"sized ones are dropped": {func(md metadata.MD) { clear(md) }, []string{"--metadata-size", "64"}, result.Invalid,
			"metadata keys: asked for 3 in each RPC, observed 0"},
		"values are cut":   {func(md metadata.MD) { md.Set("kept", "") }, nil, result.Invalid, "metadata bytes: asked for 2 in each RPC, observed 1"},
		"one is added":     {func(md metadata.MD) { md.Set("x-forwarded-for", "127.0.0.1") }, nil, result.Valid, "metadata: 1 more names and 9 more bytes in each RPC than sent: added on the way"},
		"a value is added": {func(md metadata.MD) { md.Append("kept", "more") }, nil, result.Valid, "metadata: 4 more bytes in each RPC than sent: added on the way"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, engine string) {
				args := append([]string{before(t, counting(t), 1, of.on), "--tls", "off", "--engine", engine,
					"--metadata", "tenant_id=a", "--metadata", "kept=b"}, of.args...)
				r := measure(t, t.Context(), planOf(t, args...), runner.Options{})
				a, c := only(t, r), checkOf(t, r, "settings_not_observed")
				if c.Verdict != of.verdict || !strings.Contains(c.Text, of.says) || of.says == "" && c.Text != "" {
					t.Errorf("%s: %q, want %s: %q", c.Verdict, c.Text, of.verdict, of.says)
				}
				if s := a.ServerLedger; s == nil || s.Started != a.LedgerTotal.Started || s.OK != a.LedgerTotal.OK || a.Observed.ServerCount != nil {
					t.Errorf("server ledger %+v and count %+v beside %+v", s, a.Observed.ServerCount, a.LedgerTotal)
				}
				if names := r.Unobserved(); slices.Contains(names, "metadata") || slices.Contains(names, "compression") {
					t.Errorf("%v sent, and not known whether they arrived", names)
				}
			})
		})
	}
}

// What a server counts is of the connections too that the product opens to ask it: they are
// not the arm's, nor is what a server counts of its connections.
func TestATargetThatCountsIsAskedDirectly(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	eachEngine(t, func(t *testing.T, engine string) {
		p := planOf(t, counting(t), "--tls", "off", "--engine", engine, "--epochs", "2", "--payload", "1KiB", "--churn", "40/s")
		r := measure(t, t.Context(), p, runner.Options{})
		a := only(t, r)
		if s := a.ServerLedger; s == nil || s.Started != a.LedgerTotal.Started {
			t.Errorf("server ledger %+v beside %+v", s, a.LedgerTotal)
		}
		if want := map[string]int64{"identity": a.LedgerTotal.Started}; !maps.Equal(a.Observed.RequestEncodings, want) {
			t.Errorf("request encodings %v, want %v", a.Observed.RequestEncodings, want)
		}
		if a.Observed.Replaced == nil || a.Observed.Replaced.Accepted != nil {
			t.Errorf("replaced %+v, want no count of the server's", a.Observed.Replaced)
		}
	})
}

// What a server counts of others' RPCs too is not held against the run.
func TestACountOfOthersIsNotTheArms(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	target := func(args ...string) func(t *testing.T, engine string) result.Result {
		return func(t *testing.T, engine string) result.Result {
			return measure(t, t.Context(), planOf(t, append(args, "--tls", "off", "--metadata", "tenant_id=a", "--engine", engine)...), runner.Options{})
		}
	}
	drop := func(md metadata.MD) { delete(md, "tenant_id") }
	for name, of := range map[string]struct {
		run  func(t *testing.T, engine string) result.Result
		want func(result.Arm) *result.ServerCount
	}{
		"repeated by a proxy": {func(t *testing.T, engine string) result.Result {
			return target(before(t, counting(t), 2, drop))(t, engine)
		}, func(a result.Arm) *result.ServerCount {
			return &result.ServerCount{Started: 2 * a.LedgerTotal.Started}
		}},
		"another method": {func(t *testing.T, engine string) result.Result {
			return target(counting(t), "--method", "/bench.v1.Control/Snapshot")(t, engine)
		}, func(result.Arm) *result.ServerCount { return &result.ServerCount{} }},
		"no Control": {func(t *testing.T, engine string) result.Result {
			return target(newTarget(t, nil).addr)(t, engine)
		}, func(result.Arm) *result.ServerCount { return nil }},
		"silent Control": {func(t *testing.T, engine string) result.Result {
			return target(newTarget(t, nil, grpc.ChainStreamInterceptor(unasked)).addr)(t, engine)
		}, func(result.Arm) *result.ServerCount { return nil }},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			eachEngine(t, func(t *testing.T, engine string) {
				r := of.run(t, engine)
				a, c := only(t, r), checkOf(t, r, "settings_not_observed")
				if got, want := a.Observed.ServerCount, of.want(a); fmt.Sprintf("%+v", got) != fmt.Sprintf("%+v", want) && (got == nil || want == nil || *got != *want) {
					t.Errorf("server count %+v, want %+v", got, want)
				}
				if a.ServerLedger != nil || a.Observed.MetadataKeys != nil || a.Observed.RequestEncodings != nil || c.Text != "" {
					t.Errorf("server ledger %+v, keys %v, encodings %v, %q: want none of them", a.ServerLedger, a.Observed.MetadataKeys, a.Observed.RequestEncodings, c.Text)
				}
			})
		})
	}
}

// unasked answers bench.v1.Control as a server does that lets nobody ask.
func unasked(srv any, s grpc.ServerStream, info *grpc.StreamServerInfo, answer grpc.StreamHandler) error {
	if strings.Contains(info.FullMethod, "Control") {
		return status.Error(codes.PermissionDenied, "")
	}
	return answer(srv, s)
}

// Two arms on one server have one count between them.
func TestACountOfTwoArmsIsNeithers(t *testing.T) {
	lane.Long(t, "starts processes")
	t.Parallel()
	server := counting(t)
	r := measure(t, t.Context(), planOf(t, server, "--tls", "off", "--vary", "engine=grpc,wire"), runner.Options{})
	for _, a := range r.Arms {
		if s := a.Observed.ServerCount; s == nil || !s.Shared || s.Started < a.LedgerTotal.OK || a.ServerLedger != nil {
			t.Errorf("%s: server count %+v, ledger %+v: want a shared count and no ledger", a.Name, s, a.ServerLedger)
		}
	}
}
