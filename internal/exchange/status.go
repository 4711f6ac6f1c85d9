package exchange

import (
	_ "google.golang.org/genproto/googleapis/rpc/errdetails" // the types that details are made of
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/encoding/prototext"
	"google.golang.org/protobuf/types/known/anypb"

	"grpcbench/internal/call"
	"grpcbench/internal/cause"
	"grpcbench/internal/code"
)

// Status is how the RPC ended.
type Status struct {
	Code    string // as gRPC writes it, such as NOT_FOUND, or load.BadPayload
	Cause   string // of package cause; "": OK, or not known
	Message string // the server's own; "": none
	Details []Detail
}

// OK says that the RPC succeeded.
func (s Status) OK() bool { return s.Code == code.OK }

// Good reports whether the RPC ended with OK, or as was expected of it.
func (s Status) Good() bool { return s.OK() || s.Cause == cause.Expected }

// Detail is one message of google.rpc.Status.details.
type Detail struct {
	Type string // full name
	Text string // fields in protobuf's text form; "" when the type is not known here, or has none set
	// Known says that the type is one of google.rpc's or another of this program.
	Known bool
	Bytes int
}

// statusOf reads the error of an RPC; nil is OK.
func statusOf(err error) Status {
	if err == nil {
		return Status{Code: code.OK}
	}
	s := status.Convert(err)
	end := call.EndOf(err)
	out := Status{Code: end.Code, Cause: end.Cause}
	if end.Cause != cause.Status && end.Cause != cause.Expected && end.Cause != "" {
		return out // what the text is of, the server has not written as its own
	}
	out.Message = s.Message()
	for _, any := range s.Proto().GetDetails() {
		out.Details = append(out.Details, detailOf(any))
	}
	return out
}

func detailOf(any *anypb.Any) Detail {
	d := Detail{Type: string(any.MessageName()), Bytes: len(any.GetValue())}
	message, err := any.UnmarshalNew()
	if err != nil {
		return d // unknown, or broken: its size is all there is to say
	}
	d.Known = true
	d.Text = prototext.MarshalOptions{}.Format(message)
	return d
}
