// Package code names the outcomes that gRPC gives an RPC, as its specification writes
// them (gRPC, statuscodes.md).
package code

import (
	"slices"
	"strconv"
)

var names = []string{"OK", "CANCELLED", "UNKNOWN", "INVALID_ARGUMENT", "DEADLINE_EXCEEDED", "NOT_FOUND", "ALREADY_EXISTS",
	"PERMISSION_DENIED", "RESOURCE_EXHAUSTED", "FAILED_PRECONDITION", "ABORTED", "OUT_OF_RANGE", "UNIMPLEMENTED", "INTERNAL",
	"UNAVAILABLE", "DATA_LOSS", "UNAUTHENTICATED"}

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
