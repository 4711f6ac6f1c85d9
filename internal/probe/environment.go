package probe

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
)

// longestValue is the length in bytes from which a variable's value is recorded
// by its length alone: none that works is longer.
const longestValue = 200

// recorded are the variables that change what a run's processes measure or cost,
// of those that they are given, and no others: what else stands in an environment
// is not ours to store. Those of the Go runtime are in its package runtime, those
// of grpc-go in its internal/envconfig and grpclog.
func recorded() []string {
	return []string{
		"GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GODEBUG", "GOTRACEBACK",
		"GRPC_ENFORCE_ALPN_ENABLED", "GRPC_GO_LOG_FORMATTER", "GRPC_GO_LOG_SEVERITY_LEVEL", "GRPC_GO_LOG_VERBOSITY_LEVEL",
		"SSL_CERT_DIR", "SSL_CERT_FILE",
	}
}

// Environment returns the variables of this process's environment that change
// what it measures, by name; nil if none is set. The children of a run inherit
// them. Of a path the last element is shown, and of a value with other characters
// than such values have, or of more than 200 bytes, its length: "<250 bytes>".
func Environment() map[string]string {
	var out map[string]string
	for _, name := range recorded() {
		value, ok := os.LookupEnv(name)
		if !ok {
			continue
		}
		if strings.HasPrefix(name, "SSL_CERT_") {
			value = filepath.Base(value)
		}
		if out == nil {
			out = map[string]string{}
		}
		out[name] = plain(value)
	}
	return out
}

// plain returns a value that is safe to show, or its length.
func plain(value string) string {
	odd := strings.ContainsFunc(value, func(r rune) bool {
		letter := 'a' <= r && r <= 'z' || 'A' <= r && r <= 'Z' || '0' <= r && r <= '9'
		return !letter && !strings.ContainsRune("_-.,=+:/#*", r)
	})
	if odd || len(value) > longestValue {
		return fmt.Sprintf("<%d bytes>", len(value))
	}
	return value
}
