package channel

import (
	"errors"
	"strings"
	"testing"
)

// What a server sends first is judged alike however reads cut it: by a beginning of it nothing
// is said, or the same.
func TestWhatComesFirstIsJudgedAlikeHoweverItIsCut(t *testing.T) {
	goAway := "\x00\x00\x0f\x07\x00\x00\x00\x00\x00" + "\x00\x00\x00\x00" + "\x00\x00\x00\x0b"
	for _, of := range []struct{ name, sent, reason, advice string }{
		{"SETTINGS", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x03\x00\x00\x00\x00", "", ""},
		{"no setting", "\x00\x00\x00\x04\x00\x00\x00\x00\x00\x00\x00\x00\x04\x01\x00\x00\x00\x00", "", ""},
		{"too little", "SSH-2.0\n", "", ""},
		{"HTTP/1", "HTTP/1.1 400 Bad Request\r\n\r\n", notFirst, "speaks HTTP/1 in plaintext"},
		{"a record of TLS", "\x15\x03\x01", notFirst, "use --tls 1.2 or 1.3"},
		{"an acknowledgment", "\x00\x00\x00\x04\x01\x00\x00\x00\x00", notFirst, "does not speak HTTP/2"},
		{"GOAWAY", goAway + "max_age", notFirst, "GOAWAY ENHANCE_YOUR_CALM (max_age) ("},
		{"GOAWAY with other words", goAway + "go away", notFirst, "GOAWAY ENHANCE_YOUR_CALM (see"},
		{"GOAWAY too short", "\x00\x00\x04\x07\x00\x00\x00\x00\x00\x00\x00\x00\x00", notFirst, "does not speak HTTP/2"},
		{"too long", "\x00\x40\x01\x04\x00\x00\x00\x00\x00", "a frame of 16385 bytes", "breaks a rule"},
		{"no size of a frame", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x05\x00\x00\x3f\xff", "SETTINGS_MAX_FRAME_SIZE 16383", "breaks a rule"},
		{"push", "\x00\x00\x06\x04\x00\x00\x00\x00\x00\x00\x02\x00\x00\x00\x01", "SETTINGS_ENABLE_PUSH 1 from a server", "breaks a rule"},
	} {
		t.Run(of.name, func(t *testing.T) {
			for n := range len(of.sent) + 1 {
				err := Misfit([]byte(of.sent[:n]))
				if whole := n == len(of.sent); err == nil && (!whole || of.reason == "") {
					continue
				}
				var odd *misfit
				if !errors.As(err, &odd) || odd.reason != of.reason || !errors.Is(err, ErrNotHTTP2) || !strings.Contains(odd.advise(Endpoint{}), of.advice) {
					t.Errorf("of %d bytes %v, want %q and advice with %q", n, err, of.reason, of.advice)
				}
			}
		})
	}
}
