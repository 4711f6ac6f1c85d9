package runner

import (
	"slices"
	"strings"
)

// inherited lists the variables that a child is given of ours: those by which a Go
// program is tuned, finds the system's authorities or resolves names. The others
// stay behind, and with them tokens, among which are those of --metadata
// NAME=env:VARIABLE: a child has its orders from standard input.
func inherited() []string {
	return []string{
		"GOCOVERDIR", "GODEBUG", "GOGC", "GOMAXPROCS", "GOMEMLIMIT", "GORACE", "GOTRACEBACK",
		"GRPC_ENFORCE_ALPN_ENABLED", "GRPC_GO_LOG_FORMATTER", "GRPC_GO_LOG_SEVERITY_LEVEL", "GRPC_GO_LOG_VERBOSITY_LEVEL",
		"HOME", "LOCALDOMAIN", "PATH", "RES_OPTIONS", "SSL_CERT_DIR", "SSL_CERT_FILE", "TMPDIR", "TZ", "ZONEINFO",
	}
}

// environment is what a child is given of variables NAME=VALUE.
func environment(all []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(variable string) bool {
		name, _, _ := strings.Cut(variable, "=")
		return !slices.Contains(inherited(), name)
	})
}
