package worker

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"sync/atomic"

	"grpcbench/internal/call"
	"grpcbench/internal/channel"
	"grpcbench/internal/payload"
	"grpcbench/internal/plan"
	benchv1 "grpcbench/proto/bench/v1"
)

// Options is what each RPC of an arm is. secrets are the values of s.Metadata,
// request and body the contents of the files that s names.
func Options(s plan.Settings, secrets []string, request, body []byte) (call.Options, error) {
	o := call.Options{
		Method: s.Method, Request: request, Compression: s.Compression, Accepts: s.Accepts(), Deadline: s.Deadline,
		Sized: call.SizedMetadata{Bytes: s.MetadataSize.Bytes, Keys: s.MetadataSize.Keys, Unique: s.MetadataSize.Unique, Binary: s.MetadataSize.Binary},
	}
	if len(secrets) != len(s.Metadata) {
		return o, fmt.Errorf("metadata: %d values for %d names", len(secrets), len(s.Metadata))
	}
	for i, key := range s.Metadata {
		o.Metadata = append(o.Metadata, call.Pair{Name: key.Name, Value: secrets[i]})
	}
	if s.Method != "" || s.Payload.Bytes == 0 && s.ResponsePayload.Bytes == 0 {
		return o, nil
	}
	var err error
	o.Echo, err = echo(s, body)
	return o, err
}

var contents = map[string]benchv1.Content{
	"":             benchv1.Content_CONTENT_ZEROS, // of no bytes
	payload.Text:   benchv1.Content_CONTENT_TEXT,
	payload.JSON:   benchv1.Content_CONTENT_JSON,
	payload.Random: benchv1.Content_CONTENT_RANDOM,
	payload.Zeros:  benchv1.Content_CONTENT_ZEROS,
}

// echo is the request that asks the bundled server for the arm's response.
func echo(s plan.Settings, body []byte) (*benchv1.EchoRequest, error) {
	r := &benchv1.EchoRequest{Body: body, ResponseSize: uint32(s.ResponsePayload.Bytes), ResponseContent: contents[s.ResponsePayload.Class]}
	if s.Payload.File == nil && s.Payload.Bytes > 0 {
		var err error
		if r.Body, err = payload.Body(s.Payload.Class, s.Payload.Bytes); err != nil {
			return nil, err
		}
	}
	if c := s.ResponseCompression; !c.Mirror {
		r.ResponseEncoding = "identity"
		if c.Spec.Announced() {
			r.ResponseEncoding = c.Spec.Name
			r.ResponseUncompressed = !c.Spec.Compresses()
		}
	}
	return r, nil
}

// Channel returns the options of one channel; each has session tickets of its
// own. presented is set when a server asks for the client certificate.
func (t Trial) Channel(presented *atomic.Bool) (channel.Options, error) {
	o := channel.Options{Address: t.Address, MaxMessage: t.maxMessage(), Authority: t.Authority, DynamicWindows: t.Settings.Windows == plan.Dynamic, Timeout: t.Timeout, TimeoutFlag: t.TimeoutFlag}
	if t.Settings.TLS == plan.Off {
		return o, nil
	}
	config, err := t.tls(presented)
	if err != nil {
		return o, err
	}
	o.AllowNoALPN = t.AllowNoALPN
	o.TLS, err = config.Config()
	return o, err
}

// maxMessage is the limit of messages: of the bundled server's methods the engines' own, which
// has room for a payload's framing.
func (t Trial) maxMessage() int {
	if t.MaxMessage == 0 && t.Settings.Method != "" {
		return plan.MaxMessage
	}
	return t.MaxMessage
}

// tls is what the client decides about TLS.
func (t Trial) tls(presented *atomic.Bool) (channel.TLSOptions, error) {
	o := channel.TLSOptions{Version: t.Settings.TLS, Group: t.Settings.Group, ServerName: t.ServerName,
		SkipVerify: t.SkipVerify, Resume: t.Settings.Resumption}
	if len(t.CAPEM) > 0 {
		o.Roots = x509.NewCertPool()
		if !o.Roots.AppendCertsFromPEM(t.CAPEM) {
			return o, errors.New("load roots: no certificate in them")
		}
	}
	if len(t.CertPEM) > 0 {
		pair, err := tls.X509KeyPair(t.CertPEM, t.KeyPEM)
		if err != nil {
			return o, fmt.Errorf("load client certificate: %w", err)
		}
		o.Client = func() *tls.Certificate { presented.Store(true); return &pair }
	}
	return o, nil
}
