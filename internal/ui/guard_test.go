package ui_test

import (
	"bufio"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"

	"grpcbench/internal/result"
	"grpcbench/internal/ui"
)

// TestItListensOnThisMachineAlone.
//
//	fault:   an address that other machines can reach, or a name that somebody else resolves, for `ui` to listen on
//	promise: it is refused; 127.0.0.0/8 and ::1 are not
//	figure:  12 addresses
func TestItListensOnThisMachineAlone(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"127.0.0.1:0": "127.0.0.1:0", "127.0.0.2:8080": "127.0.0.2:8080", "[::1]:0": "[::1]:0", "[::ffff:127.0.0.1]:1": "127.0.0.1:1",
		"0.0.0.0:0": "", ":8080": "", "[::]:0": "", "192.168.1.1:80": "", "localhost:80": "", "127.0.0.1": "", "[::1%lo]:1": "", "": "",
	} {
		got, err := ui.Address(text)
		if (err == nil) != (want != "") || err == nil && got.String() != want {
			t.Errorf("%q: %v, %v, want %q", text, got, err, want)
		}
		if err != nil && !strings.Contains(err.Error(), "must be 127.0.0.1:PORT or [::1]:PORT") {
			t.Errorf("%q: %v", text, err)
		}
	}
}

// TestItAnswersToItsOwnNameAlone: a page of another site can have its name resolve to
// this machine, but not change what the browser calls the server then.
//
//	fault:   requests to `ui` under the name of another site (DNS rebinding), of another port, with forwarded names
//	promise: 421 before anything else is looked at, whatever the token
//	figure:  11 names, on 3 paths
func TestItAnswersToItsOwnNameAlone(t *testing.T) {
	t.Parallel()
	dir, _ := three(t)
	s := serve(t, dir)
	port := s.url[strings.LastIndex(s.url, ":"):]
	for host, want := range map[string]int{
		"127.0.0.1" + port: 200, "localhost" + port: 200,
		"evil.example": 421, "evil.example" + port: 421, "127.0.0.1": 421, "localhost": 421, "127.0.0.1:1": 421, "[::1]" + port: 421,
		"127.0.0.1" + port + ".evil.example": 421, "127.0.0.2" + port: 421, "localhost.evil.example" + port: 421,
	} {
		for _, path := range []string{"/", "/part/runs", "/ui.js"} {
			got := s.ask(t, path, func(r *http.Request) {
				r.Host = host
				r.Header.Set("X-Forwarded-Host", "127.0.0.1"+port)
				r.Header.Set("Origin", "http://"+host)
			})
			if got.code != want {
				t.Errorf("%s of %s: %d, want %d", path, host, got.code, want)
			}
		}
	}
}

// dataPaths are all that holds something of results.
func dataPaths(ids []string) []string {
	return []string{"/part/runs", "/part/run?ref=" + ids[0], "/part/run?ref=baseline:main", "/part/compare?base=" + ids[0] + "&new=" + ids[2], "/part/history"}
}

// TestNothingIsToldWithoutTheToken.
//
//	fault:   requests to `ui` of another user of the machine: without the token, with a part of it, with it in another place
//	promise: 401, and nothing of a result
//	figure:  8 ways, on everything that holds something of results
func TestNothingIsToldWithoutTheToken(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	s := serve(t, dir)
	for _, path := range dataPaths(ids) {
		if got := s.ask(t, path, nil); got.code != 200 || !strings.Contains(got.body, "first") && !strings.Contains(got.body, "History") && !strings.Contains(got.body, ids[0]) {
			t.Errorf("%s with the token: %d", path, got.code)
		}
		for how, change := range map[string]func(*http.Request){
			"none":        func(r *http.Request) { r.Header.Del("Grpc-Bench-Token") },
			"empty":       func(r *http.Request) { r.Header.Set("Grpc-Bench-Token", "") },
			"a part":      func(r *http.Request) { r.Header.Set("Grpc-Bench-Token", s.token[:31]) },
			"more":        func(r *http.Request) { r.Header.Set("Grpc-Bench-Token", s.token+"0") },
			"another one": func(r *http.Request) { r.Header.Set("Grpc-Bench-Token", strings.Repeat("0", 32)) },
			"in a cookie": func(r *http.Request) {
				r.Header.Del("Grpc-Bench-Token")
				r.Header.Set("Cookie", "grpc-bench-token="+s.token)
			},
			"in the query": func(r *http.Request) { r.Header.Del("Grpc-Bench-Token"); r.URL.RawQuery += "&token=" + s.token },
			"as a bearer": func(r *http.Request) {
				r.Header.Del("Grpc-Bench-Token")
				r.Header.Set("Authorization", "Bearer "+s.token)
			},
		} {
			got := s.ask(t, path, change)
			if got.code != 401 || len(got.body) > 100 || strings.Contains(got.body, "20261123") {
				t.Errorf("%s, token %s: %d %.200q, want 401", path, how, got.code, got.body)
			}
		}
	}
	again := serve(t, dir)
	if again.token == s.token {
		t.Error("two servers have the same token")
	}
}

// TestWhatNeedsNoTokenHoldsNothing of a result: the shell, scripts, styles.
func TestWhatNeedsNoTokenHoldsNothing(t *testing.T) {
	t.Parallel()
	dir, _ := three(t)
	a, b := serve(t, dir), serve(t, t.TempDir())
	without := func(r *http.Request) { r.Header.Del("Grpc-Bench-Token") }
	for _, path := range []string{"/", "/run?ref=x", "/compare", "/history", "/ui.js", "/ui.css", "/report.js", "/report.css", "/icon.svg", "/nowhere", "/part", "/part/", "/.index"} {
		one, other := a.ask(t, path, without), b.ask(t, path, without)
		if one.code != other.code || one.body != other.body {
			t.Errorf("%s depends on what the directory holds: %d, %d", path, one.code, other.code)
		}
	}
}

// TestNothingCanBeChanged.
//
//	fault:   every method of HTTP but GET and HEAD, a body, and all that can be read, asked of `ui`
//	promise: 405, 413; no file of the directory is another one afterwards
//	figure:  7 methods on 6 paths; every file with its content and time
func TestNothingCanBeChanged(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	s := serve(t, dir)
	before := files(t, dir)
	paths := append(dataPaths(ids), "/")
	for _, path := range paths {
		for _, method := range []string{"POST", "PUT", "DELETE", "PATCH", "OPTIONS", "TRACE", "PROPFIND"} {
			got := s.ask(t, path, func(r *http.Request) { r.Method = method })
			if got.code != 405 || got.header.Get("Allow") != "GET, HEAD" {
				t.Errorf("%s %s: %d, Allow %q, want 405", method, path, got.code, got.header.Get("Allow"))
			}
		}
		got := s.ask(t, path, func(r *http.Request) { r.Body, r.ContentLength = io.NopCloser(strings.NewReader("x")), 1 })
		if got.code != 413 {
			t.Errorf("%s with a body: %d, want 413", path, got.code)
		}
		head := s.ask(t, path, func(r *http.Request) { r.Method = "HEAD" })
		if head.code != 200 || head.body != "" {
			t.Errorf("HEAD %s: %d, %q", path, head.code, head.body)
		}
		if got := s.ask(t, path, nil); got.code != 200 {
			t.Errorf("GET %s: %d %s", path, got.code, got.body)
		}
	}
	if diff := cmp.Diff(before, files(t, dir)); diff != "" {
		t.Errorf("the directory is another one (-before +after):\n%.2000s", diff)
	}
}

// TestEveryAnswerForbidsAllButItsOwn: its headers, whatever the answer.
func TestEveryAnswerForbidsAllButItsOwn(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	s := serve(t, dir)
	want := map[string]string{
		"Content-Security-Policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
		"X-Content-Type-Options":  "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-store",
		"Cross-Origin-Opener-Policy": "same-origin", "Cross-Origin-Embedder-Policy": "require-corp", "Cross-Origin-Resource-Policy": "same-origin",
	}
	for code, of := range map[int]func() answer{
		200: func() answer { return s.ask(t, "/", nil) },
		400: func() answer { return s.ask(t, "/part/runs?sort=x", nil) },
		401: func() answer {
			return s.ask(t, "/part/runs", func(r *http.Request) { r.Header.Del("Grpc-Bench-Token") })
		},
		404: func() answer { return s.ask(t, "/part/run?ref=20000101T000000Z-aaaaaaaa", nil) },
		405: func() answer { return s.ask(t, "/", func(r *http.Request) { r.Method = "POST" }) },
		421: func() answer { return s.ask(t, "/", func(r *http.Request) { r.Host = "evil.example" }) },
	} {
		got := of()
		if got.code != code {
			t.Errorf("%d, want %d", got.code, code)
		}
		for name, value := range want {
			if all := got.header.Values(name); len(all) != 1 || all[0] != value {
				t.Errorf("%d: %s %q, want %q", code, name, all, value)
			}
		}
		for name := range got.header {
			if strings.HasPrefix(name, "Access-Control-") || name == "Set-Cookie" || name == "Location" {
				t.Errorf("%d: header %s", code, name)
			}
		}
	}
	for path, kind := range map[string]string{"/": "text/html", "/ui.js": "text/javascript", "/report.js": "text/javascript", "/ui.css": "text/css", "/report.css": "text/css",
		"/icon.svg": "image/svg+xml", "/part/runs": "text/html", "/part/run?ref=" + ids[0]: "text/html", "/nowhere": "text/plain", "/part/run?ref=x": "text/plain"} {
		if got := s.ask(t, path, nil).header.Get("Content-Type"); got != kind+"; charset=utf-8" {
			t.Errorf("%s is of type %q, want %s", path, got, kind)
		}
	}
}

// TestNoFileOutsideTheDirectoryIsRead.
//
//	fault:   paths, links that lead out, pipes, names of other forms where `ui` wants the name of a result
//	promise: 404 or 422; nothing of a file outside is told, nothing is waited for
//	figure:  15 names on both sides of a comparison and as a run, and the list
func TestNoFileOutsideTheDirectoryIsRead(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	outside := t.TempDir()
	secret := store(t, outside, 9, named("s3cr3t", nil))
	link, pipe := "20260102T030405Z-aaaaaaaa", "20260102T030405Z-bbbbbbbb"
	for _, err := range []error{
		os.Symlink(filepath.Join(outside, secret), filepath.Join(dir, link)),
		os.Symlink(filepath.Join(outside, secret), filepath.Join(dir, result.Baselines, "link")),
		os.Mkdir(filepath.Join(dir, pipe), 0o700),
		syscall.Mkfifo(filepath.Join(dir, pipe, result.FileName), 0o600),
	} {
		if err != nil {
			t.Fatal(err)
		}
	}
	s := serve(t, dir)
	for _, ref := range []string{link, pipe, "baseline:link", "baseline:../" + secret, "baseline:", "../" + filepath.Base(outside) + "/" + secret, filepath.Join(outside, secret),
		filepath.Join(outside, secret, result.FileName), filepath.Join(dir, ids[0]), ids[0] + "/", ids[0] + "\n", strings.ToUpper(ids[0]), ".", "/etc/passwd", secret} {
		escaped := strings.NewReplacer("/", "%2F", "\n", "%0A").Replace(ref)
		for _, path := range []string{"/part/run?ref=" + escaped, "/part/compare?base=" + ids[0] + "&new=" + escaped, "/part/compare?new=" + ids[0] + "&base=" + escaped} {
			got := s.ask(t, path, nil)
			if got.code != 404 && got.code != 422 || strings.Contains(got.body, "s3cr3t") || strings.Contains(got.body, "root:") {
				t.Errorf("%s: %d %.200q, want 404 or 422", path, got.code, got.body)
			}
		}
	}
	list := s.ask(t, "/part/runs", nil)
	if list.code != 200 || strings.Contains(list.body, "s3cr3t") || !strings.Contains(list.body, "Results that cannot be read: 3") {
		t.Errorf("the list: %d, or it tells what is outside, or not what cannot be read:\n%.1500s", list.code, list.body)
	}
	if got := s.ask(t, "/part/run?ref="+ids[0], nil); got.code != 200 {
		t.Errorf("a run of the directory: %d", got.code)
	}
}

// TestAResultThatCannotBeReadKeepsNoneFromBeingShown: each is one sentence.
func TestAResultThatCannotBeReadKeepsNoneFromBeingShown(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	s := serve(t, dir)
	bad := map[string]string{"20260102T030405Z-aaaaaaaa": strings.Repeat(" ", result.MaxBytes+1), "20260102T030405Z-bbbbbbbb": "{", "20260102T030405Z-cccccccc": `{"schema":"x"}`}
	for id, text := range bad {
		if err := os.Mkdir(filepath.Join(dir, id), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(dir, id, result.FileName), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	for id, want := range map[string]string{"20260102T030405Z-aaaaaaaa": "must be at most 16777216 bytes", "20260102T030405Z-bbbbbbbb": "unexpected end of JSON input", "20260102T030405Z-cccccccc": "schema"} {
		got := s.ask(t, "/part/run?ref="+id, nil)
		if got.code != 422 || !strings.Contains(got.body, want) || strings.Count(got.body, "\n") != 1 {
			t.Errorf("%s: %d %q, want 422 and one sentence with %q", id, got.code, got.body, want)
		}
	}
	list := s.ask(t, "/part/runs", nil)
	for _, id := range append(slices.Collect(maps.Keys(bad)), ids...) {
		if !strings.Contains(list.body, id) {
			t.Errorf("the list does not name %s", id)
		}
	}
	if got := s.ask(t, "/part/history", nil); got.code != 200 {
		t.Errorf("the history: %d %s", got.code, got.body)
	}
}

// TestQuestionsThatMakeNoSenseAreRefused: none is taken for another one.
func TestQuestionsThatMakeNoSenseAreRefused(t *testing.T) {
	t.Parallel()
	dir, ids := three(t)
	s := serve(t, dir)
	for query, want := range map[string]string{
		"runs?nope=1": "must be one of", "runs?q=a&q=b": "given once", "runs?sort=nope": "must be one of the columns", "runs?order=sideways": "must be up or down",
		"runs?page=0": "must be a number from 1", "runs?page=x": "must be a number from 1", "runs?q=%zz": "invalid URL escape", "runs?base=../x": "must be an ID or baseline:NAME",
		"run": "must be an ID", "run?ref=" + ids[0] + "&ref=" + ids[1]: "given once", "compare?base=" + ids[0]: "must be given a base and a new result",
		"history?plan=nope": "no such series", "history?arm=nope": "no such series", "history?metric=nope": "no such series", "history?metric=latency_p50&x=1": "must be one of",
	} {
		got := s.ask(t, "/part/"+query, nil)
		if got.code != 400 && got.code != 404 || !strings.Contains(got.body, want) {
			t.Errorf("%s: %d %q, want 400 or 404 and %q", query, got.code, got.body, want)
		}
	}
}

// TestConnectionsAreBounded: more of them are closed, and the others go on.
func TestConnectionsAreBounded(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	address := strings.TrimPrefix(s.url, "http://")
	get := func(c net.Conn) error {
		if _, err := io.WriteString(c, "GET /icon.svg HTTP/1.1\r\nHost: "+address+"\r\n\r\n"); err != nil {
			return err
		}
		r, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err == nil {
			_, err = io.Copy(io.Discard, r.Body)
		}
		return err
	}
	var all []net.Conn
	for i := range 64 {
		c, err := net.Dial("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if err := get(c); err != nil {
			t.Fatalf("connection %d: %v", i+1, err)
		}
		all = append(all, c)
	}
	more, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	defer more.Close()
	if err := get(more); err == nil {
		t.Error("connection 65 was answered")
	}
	if err := get(all[0]); err != nil {
		t.Errorf("connection 1, once there were too many: %v", err)
	}
}

// TestALongHeaderIsRefused before it fills the memory.
func TestALongHeaderIsRefused(t *testing.T) {
	t.Parallel()
	s := serve(t, t.TempDir())
	got := s.ask(t, "/", func(r *http.Request) { r.Header.Set("X-Long", strings.Repeat("a", 64<<10)) })
	if got.code != 431 {
		t.Errorf("%d, want 431", got.code)
	}
}
