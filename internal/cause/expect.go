package cause

import (
	"fmt"
	"slices"
	"strings"

	"grpcbench/internal/load"
)

// Expected is the cause of an RPC that an Expectation makes good.
const Expected = load.Expected

// Expectation lists the codes with which a server itself may end an RPC that is good;
// none: OK alone.
type Expectation []string

// Unmet is the error of an RPC that ended with OK, which x does not hold.
func (x Expectation) Unmet() error {
	return fmt.Errorf("the server answered OK, where %s was expected (change --expect)", strings.Join(x, " or "))
}

// Judge is the end of an RPC as x has it. What no server has said, such as a connection
// that was lost or a deadline of the client's, is never expected.
func (x Expectation) Judge(end load.End) load.End {
	own := end.Code == load.OK || end.Cause == Status
	if len(x) == 0 || !own {
		return end
	}
	switch expected := slices.Contains(x, end.Code); {
	case expected && end.Code != load.OK:
		return load.End{Code: end.Code, Cause: load.Expected}
	case !expected && end.Code == load.OK:
		return load.End{Code: load.UnexpectedOK, Cause: Status}
	}
	return end
}
