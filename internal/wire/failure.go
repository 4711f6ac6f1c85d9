package wire

import "fmt"

// Violation is what a server did that HTTP/2 does not allow, or that would cost
// this client more than it gives. It ends the connection.
type Violation struct {
	code   uint32 // sent in GOAWAY
	Reason string // in words; holds nothing that the server wrote
	opened error  // that of channel.Misfit; nil: it came later
}

// Error implements error.
func (v *Violation) Error() string { return "HTTP/2 violation by the server: " + v.Reason }

// Unwrap returns what the server sent in place of HTTP/2, if it is that.
func (v *Violation) Unwrap() error { return v.opened }

func violation(code uint32, reason string, args ...any) error {
	return &Violation{code: code, Reason: fmt.Sprintf(reason, args...)}
}
