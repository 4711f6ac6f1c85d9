package ui

import (
	"bytes"
	"crypto/subtle"
	_ "embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"net/url"
	"slices"
	"time"

	"grpcbench/internal/webpage"
)

// tokenHeader is the header that carries the token. No form and no link of another
// site can send it.
const tokenHeader = "Grpc-Bench-Token"

// policy lets a page do nothing but run the server's own scripts and ask it.
const policy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// headers are those of every answer.
func headers() map[string]string {
	return map[string]string{
		"Content-Security-Policy":      policy,
		"X-Content-Type-Options":       "nosniff",
		"Referrer-Policy":              "no-referrer",
		"Cross-Origin-Opener-Policy":   "same-origin",
		"Cross-Origin-Embedder-Policy": "require-corp",
		"Cross-Origin-Resource-Policy": "same-origin",
		"Cache-Control":                "no-store",
	}
}

var (
	//go:embed shell.html
	shell []byte
	//go:embed ui.css
	style []byte
	//go:embed ui.js
	script []byte
	//go:embed icon.svg
	icon []byte
)

// guarded is the whole of what is served, to those who ask by one of names.
func (s *Server) guarded(names []string) http.Handler {
	mux := http.NewServeMux()
	for _, path := range []string{"/{$}", "/run", "/compare", "/history"} {
		mux.Handle(path, file("text/html", shell))
	}
	mux.Handle("/report.css", file("text/css", webpage.Style()))
	mux.Handle("/report.js", file("text/javascript", webpage.Script()))
	mux.Handle("/ui.css", file("text/css", style))
	mux.Handle("/ui.js", file("text/javascript", script))
	mux.Handle("/icon.svg", file("image/svg+xml", icon))
	mux.Handle("/part/runs", s.part(s.runs))
	mux.Handle("/part/run", s.part(s.run))
	mux.Handle("/part/compare", s.part(s.compare))
	mux.Handle("/part/history", s.part(s.history))
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		for name, value := range headers() {
			w.Header().Set(name, value)
		}
		switch {
		case !slices.Contains(names, r.Host):
			http.Error(w, "this server does not go by that name", http.StatusMisdirectedRequest)
		case r.Method != http.MethodGet && r.Method != http.MethodHead:
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "nothing can be changed here", http.StatusMethodNotAllowed)
		case r.ContentLength != 0:
			http.Error(w, "a question has no body", http.StatusRequestEntityTooLarge)
		default:
			mux.ServeHTTP(w, r)
		}
	})
}

// file answers with what is in the program.
func file(kind string, data []byte) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Type", kind+"; charset=utf-8")
		_, _ = w.Write(data) // whoever asked may be gone
	})
}

// refusal is why there is no part.
type refusal struct {
	code int
	text string
}

func (r refusal) Error() string { return r.text }

func refuse(format string, values ...any) error {
	return refusal{http.StatusBadRequest, fmt.Sprintf(format, values...)}
}

// part answers with a part of a page, to those who have the token. It is made before
// anything of it is sent, so that an error is one.
func (s *Server) part(make func(io.Writer, url.Values) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if subtle.ConstantTimeCompare([]byte(r.Header.Get(tokenHeader)), []byte(s.token)) != 1 {
			http.Error(w, "this needs the whole address that grpc-bench ui printed", http.StatusUnauthorized)
			return
		}
		turn := time.NewTimer(maxWaiting)
		defer turn.Stop()
		select {
		case s.busy <- struct{}{}:
			defer func() { <-s.busy }()
		case <-r.Context().Done():
			return
		case <-turn.C:
			http.Error(w, "too much is asked at once: ask again", http.StatusServiceUnavailable)
			return
		}
		var page bytes.Buffer
		if err := made(make, &page, r.URL.RawQuery); err != nil {
			code := http.StatusUnprocessableEntity
			if refused, ok := errors.AsType[refusal](err); ok {
				code = refused.code
			} else if errors.Is(err, fs.ErrNotExist) {
				code = http.StatusNotFound
			}
			http.Error(w, shown(err.Error(), longSentence), code)
			return
		}
		file("text/html", page.Bytes()).ServeHTTP(w, r)
	})
}

// made makes a part. A mistake in this program that some file brings to light ends the
// answer and not the server.
func made(make func(io.Writer, url.Values) error, w io.Writer, query string) (err error) {
	defer func() {
		if v := recover(); v != nil {
			err = refusal{http.StatusInternalServerError, fmt.Sprint("grpc-bench made a mistake with this: ", v)}
		}
	}()
	values, err := url.ParseQuery(query)
	if err != nil {
		return refuse("the question: %v", err)
	}
	return make(w, values)
}

// asked checks that only these are asked for, each once.
func asked(values url.Values, names ...string) error {
	for name, all := range values {
		if !slices.Contains(names, name) || len(all) != 1 {
			return refuse("%.40q: must be one of %q, given once", name, names)
		}
	}
	return nil
}
