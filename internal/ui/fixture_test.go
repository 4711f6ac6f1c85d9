package ui_test

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/result"
	"grpcbench/internal/ui"
)

// template is a result that others are made of.
func template(t testing.TB) result.Result {
	t.Helper()
	r, err := result.Read("", "../result/testdata/overheads.json")
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// store writes a changed copy of the template as the run of an hour, and returns its
// id.
func store(t testing.TB, dir string, hour int, change func(*result.Result)) string {
	t.Helper()
	r := template(t)
	r.Created = r.Created.Add(time.Duration(hour) * time.Hour)
	r.ID = result.NewID(r.Created)
	if change != nil {
		change(&r)
	}
	compare.Judge(&r)
	if _, err := result.Write(dir, r); err != nil {
		t.Fatal(err)
	}
	return r.ID
}

// slower makes the server of an arm take more CPU.
func slower(arm string, factor float64) func(*result.Result) {
	return func(r *result.Result) {
		for i := range r.Arms {
			a := &r.Arms[i]
			if a.Name != arm {
				continue
			}
			*a.ServerCPU *= factor
			for k := range a.Epochs {
				*a.Epochs[k].ServerCPU *= factor
			}
		}
	}
}

// named gives a run a name and tags.
func named(name string, tags map[string]string) func(*result.Result) {
	return func(r *result.Result) { r.Name, r.Plan.Tags = name, tags }
}

// shown is a server that runs until the test ends.
type shown struct {
	dir   string
	url   string // without the token
	whole string // with it
	token string
}

func serve(t testing.TB, dir string) shown {
	t.Helper()
	s, err := ui.New(dir, nil)
	if err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	whole := s.URL(netip.MustParseAddrPort(listener.Addr().String()))
	ctx, cancel := context.WithCancel(context.Background())
	ended := make(chan error, 1)
	go func() { ended <- s.Serve(ctx, listener) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	url, token, ok := strings.Cut(whole, "/#token=")
	if !ok || len(token) != 32 {
		t.Fatalf("address %s: want one with a token of 128 bits in its fragment", whole)
	}
	return shown{dir, url, whole, token}
}

// answer is what a server said.
type answer struct {
	code   int
	header http.Header
	body   string
}

// ask asks for a path with the token; change may change the request.
func (s shown) ask(t testing.TB, path string, change func(*http.Request)) answer {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodGet, s.url+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Grpc-Bench-Token", s.token)
	if change != nil {
		change(r)
	}
	got, err := http.DefaultTransport.RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer got.Body.Close()
	body, err := io.ReadAll(got.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{got.StatusCode, got.Header, string(body)}
}

// three are three runs, of which the arm tls=1.3 is slower in the last, and a baseline.
func three(t testing.TB) (dir string, ids []string) {
	t.Helper()
	dir = t.TempDir()
	ids = append(ids, store(t, dir, 0, named("first", map[string]string{"branch": "main", "commit": strings.Repeat("a1", 20)})),
		store(t, dir, 1, named("second", map[string]string{"branch": "main"})),
		store(t, dir, 2, func(r *result.Result) {
			slower("tls=1.3", 1.3)(r)
			r.Name, r.Plan.Tags = "third", map[string]string{"branch": "topic"}
		}))
	r, err := result.Read(dir, ids[0])
	if err != nil {
		t.Fatal(err)
	}
	if _, err := result.SaveBaseline(dir, "main", r); err != nil {
		t.Fatal(err)
	}
	return dir, ids
}

// other makes the plan of a run another one.
func other(r *result.Result) { r.Plan.Load = plan.Load{Rate: 7777, Arrival: "uniform", Loop: "open"} }

// files are the files below a directory with what they hold and their times.
func files(t *testing.T, dir string) map[string]string {
	t.Helper()
	all := make(map[string]string)
	err := filepath.WalkDir(dir, func(path string, d os.DirEntry, err error) error {
		if err != nil {
			return err
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		all[path] = info.ModTime().String()
		if info.Mode().IsRegular() {
			data, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			all[path] += string(data)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}
