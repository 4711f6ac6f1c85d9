package wire

import "fmt"

// Violation is what a server did that HTTP/2 does not allow, or that would cost
// this client more than it gives. It ends the connection.
type Violation struct {
	code   uint32 // sent in GOAWAY
	Reason string // in words; holds nothing that the server wrote
}

// Error implements error.
func (v *Violation) Error() string { return "HTTP/2 violation by the server: " + v.Reason }

func violation(code uint32, reason string, args ...any) error {
	return &Violation{code: code, Reason: fmt.Sprintf(reason, args...)}
}
