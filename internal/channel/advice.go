package channel

import "time"

// Causes that Explain tells apart, beside those of the system and of TLS.
var (
	ErrSilentTLS  = errSilentTLS
	ErrNoSettings = errNoSettings
)

// Explain says in one sentence why a connection could not be made and which flag
// to change. timeout is what the attempt was bounded by.
func Explain(address string, timeout time.Duration, cause error) error {
	return (&Channel{address: address, timeout: timeout}).explain(cause)
}
