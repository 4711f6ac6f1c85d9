// Package code names the outcomes that gRPC gives an RPC, as its specification writes
// them (gRPC, statuscodes.md).
package code

import (
	"slices"
	"strconv"
)

// The codes, by name.
const (
	OK                 = "OK"
	Cancelled          = "CANCELLED"
	Unknown            = "UNKNOWN"
	InvalidArgument    = "INVALID_ARGUMENT"
	DeadlineExceeded   = "DEADLINE_EXCEEDED"
	NotFound           = "NOT_FOUND"
	AlreadyExists      = "ALREADY_EXISTS"
	PermissionDenied   = "PERMISSION_DENIED"
	ResourceExhausted  = "RESOURCE_EXHAUSTED"
	FailedPrecondition = "FAILED_PRECONDITION"
	Aborted            = "ABORTED"
	OutOfRange         = "OUT_OF_RANGE"
	Unimplemented      = "UNIMPLEMENTED"
	Internal           = "INTERNAL"
	Unavailable        = "UNAVAILABLE"
	DataLoss           = "DATA_LOSS"
	Unauthenticated    = "UNAUTHENTICATED"
)

// names are in the order of their numbers.
var names = []string{OK, Cancelled, Unknown, InvalidArgument, DeadlineExceeded, NotFound, AlreadyExists, PermissionDenied, ResourceExhausted,
	FailedPrecondition, Aborted, OutOfRange, Unimplemented, Internal, Unavailable, DataLoss, Unauthenticated}

// Names are those of all codes, by number.
func Names() []string { return slices.Clone(names) }

// Number is the code of that name; false if gRPC has none.
func Number(name string) (int, bool) {
	i := slices.Index(names, name)
	return i, i >= 0
}

// mostUndefined is the largest undefined code that is told by its number. A server may
// send any of 2^32, and each that is told apart takes memory.
const mostUndefined = 99

// Name is the name of a code, "CODE_42" for one that gRPC has not defined, or "CODE_OTHER".
func Name(number int64) string {
	switch {
	case number >= 0 && number < int64(len(names)):
		return names[number]
	case number < 0 || number > mostUndefined:
		return "CODE_OTHER"
	}
	return "CODE_" + strconv.FormatInt(number, 10)
}
