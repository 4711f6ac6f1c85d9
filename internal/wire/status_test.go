package wire

import (
	"testing"
	"time"
)

func TestCodesAreTheSpecifications(t *testing.T) {
	// gRPC over HTTP/2, "Errors".
	for code, want := range map[uint32]string{0: "INTERNAL", 1: "INTERNAL", 2: "INTERNAL", 3: "RESOURCE_EXHAUSTED", 4: "INTERNAL", 6: "INTERNAL",
		7: "UNAVAILABLE", 8: "CANCELLED", 9: "INTERNAL", 10: "INTERNAL", 11: "RESOURCE_EXHAUSTED", 12: "PERMISSION_DENIED", 13: "INTERNAL", 14: "UNKNOWN", 1<<32 - 1: "UNKNOWN"} {
		if got := resetCode(code); got != want {
			t.Errorf("RST_STREAM %d: %s, want %s", code, got, want)
		}
	}
	// http-grpc-status-mapping.md.
	for status, want := range map[int]string{400: "INTERNAL", 401: "UNAUTHENTICATED", 403: "PERMISSION_DENIED", 404: "UNIMPLEMENTED",
		429: "UNAVAILABLE", 502: "UNAVAILABLE", 503: "UNAVAILABLE", 504: "UNAVAILABLE", 200: "UNKNOWN", 500: "UNKNOWN", 0: "UNKNOWN"} {
		if got := httpCode(status); got != want {
			t.Errorf("HTTP %d: %s, want %s", status, got, want)
		}
	}
	for status, want := range map[int]string{0: "OK", 1: "CANCELLED", 4: "DEADLINE_EXCEEDED", 8: "RESOURCE_EXHAUSTED", 12: "UNIMPLEMENTED",
		14: "UNAVAILABLE", 16: "UNAUTHENTICATED", 17: "CODE_17", 99: "CODE_99", 100: "CODE_OTHER", 65535: "CODE_OTHER", -1: "CODE_OTHER"} {
		if got := grpcCode(status); got != want {
			t.Errorf("grpc-status %d: %s, want %s", status, got, want)
		}
	}
}

func TestTimeoutsHaveEightDigitsAtMost(t *testing.T) {
	for d, want := range map[time.Duration]string{
		time.Nanosecond: "1n", 99_999_999 * time.Nanosecond: "99999999n",
		100 * time.Millisecond: "100000u", // 1e8 ns has nine digits
		5 * time.Second:        "5000000u", 100 * time.Second: "100000m",
		28 * time.Hour: "100800S", 1e8*time.Second + 1: "1666667M", // rounded up: never less than asked
	} {
		if got := timeout(d); got != want {
			t.Errorf("%v: %s, want %s", d, got, want)
		}
	}
}

func TestMessagesArePercentDecoded(t *testing.T) {
	for in, want := range map[string]string{"": "", "a b": "a b", "a%20b%0a": "a b\n", "%C3%A9": "é", "100%": "100%", "%2": "%2", "%zz%41": "%zzA"} {
		if got := percentDecode(in); got != want {
			t.Errorf("%q: %q, want %q", in, got, want)
		}
	}
}

func FuzzPercentDecode(f *testing.F) {
	f.Add("a%20b")
	f.Add("%")
	f.Fuzz(func(t *testing.T, s string) {
		if got := percentDecode(s); len(got) > len(s) {
			t.Errorf("%q: %d bytes from %d", s, len(got), len(s))
		}
	})
}
