package worker

import (
	"bytes"
	"context"
	"encoding/json"
	"strings"
	"sync/atomic"
	"testing"
)

// FuzzOrders checks that no line ends a worker but by its own words, that each
// order but stop has one answer, and that what a trial or a server asks for is
// made or refused.
func FuzzOrders(f *testing.F) {
	for _, line := range []string{
		`{"do":"probe"}{"do":"stop"}{"do":"finish"}`, `{"do":"setup","setup":{"settings":{"tls":"1.3","compression":"gzip:low","payload":"1KiB:json"},"secrets":["YQ=="],"connections":-1}}`,
		`{"do":"serve","serve":{"settings":{"tls":"1.3","mtls":true},"cert_pem":"AAAA","client_ca_pem":"AAAA"}}`,
		`{"do":"setup","setup":{"settings":{"metadata":[{"name":"a"}],"metadata_size":"10:unique:1","method":"/a/b"},"ca_pem":"AAAA","cert_pem":"AAAA","load":{"rate_rpc_per_s":-1}}}`,
		`{"do":"mark","mark":{"at":[9223372036854775807]}}`, `{`, `[]`, `null`, "\x00",
	} {
		f.Add([]byte(line))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		want := 0
		handle := func(_ context.Context, o Order, _ func(part any) error) (any, error) {
			want++
			if o.Setup != nil {
				_, _ = Options(o.Setup.Settings, o.Setup.Secrets, o.Setup.Request, o.Setup.Body)
				_, _ = o.Setup.Channel(&atomic.Bool{})
				_ = o.Setup.schedule()
				_ = o.Setup.maxInFlight()
			}
			if o.Serve != nil {
				_ = ResponseSpec(o.Serve.Settings)
				_, _ = serverTLS(*o.Serve)
			}
			return o, nil
		}
		var out bytes.Buffer
		if err := obey(t.Context(), bytes.NewReader(data), &out, handle, func() {}); err != nil {
			t.Fatal(err)
		}
		if got := strings.Count(out.String(), "\n"); got != want {
			t.Errorf("%d answers to %d orders", got, want)
		}
		for line := range strings.Lines(out.String()) {
			if !json.Valid([]byte(line)) {
				t.Errorf("answer %q", line)
			}
		}
	})
}
