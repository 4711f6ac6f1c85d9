package report_test

import (
	"io"
	"strings"
	"testing"

	"grpcbench/internal/report"
	"grpcbench/internal/result"
)

// A second round trip of the TLS handshake is said wherever a handshake is shown, and where
// there was none, nothing is.
func TestAHelloRetryRequestIsSaid(t *testing.T) {
	forms := map[string]func(io.Writer, result.Result) error{
		"text":     func(w io.Writer, r result.Result) error { return report.Text(w, r, report.TextOptions{}) },
		"Markdown": func(w io.Writer, r result.Result) error { return report.Markdown(w, r) },
		"HTML":     func(w io.Writer, r result.Result) error { return report.HTML(w, r) },
		"JSON":     func(w io.Writer, r result.Result) error { return report.JSON(w, r) },
	}
	for kind, r := range map[string]result.Result{"run": stored(t), "handshake": openings()} {
		for form, write := range forms {
			said := "1234 with HelloRetryRequest"
			if form == "JSON" {
				said = `"hello_retry_requests": 1234`
			}
			none := render(t, func(w io.Writer) error { return write(w, r) })
			r.Arms[0].Observed.HelloRetryRequests = 1234
			some := strings.Join(strings.Fields(render(t, func(w io.Writer) error { return write(w, r) })), " ")
			r.Arms[0].Observed.HelloRetryRequests = 0
			if !strings.Contains(strings.ReplaceAll(some, "1 234", "1234"), said) {
				t.Errorf("%s of a %s does not say %q", form, kind, said)
			}
			if strings.Contains(none, "HelloRetry") || strings.Contains(none, "hello_retry") || strings.Contains(none, "round trip") {
				t.Errorf("%s of a %s without one speaks of it", form, kind)
			}
		}
	}
	e := echoed()
	if text := callText(t, e, report.CallOptions{}); strings.Contains(text, "HelloRetryRequest") || strings.Contains(text, "round trip") {
		t.Errorf("a call without one speaks of it:\n%s", text)
	}
	e.Link.HelloRetryRequest, e.Link.Resumed, e.Settings.Resumption = true, false, false
	if text := callText(t, e, report.CallOptions{}); !strings.Contains(text, "full handshake with HelloRetryRequest (2 round trips)") {
		t.Errorf("the call does not say it:\n%s", text)
	}
}
