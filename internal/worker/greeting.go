package worker

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"time"
)

// Bounds of what a server binary may print before its address.
const (
	maxGreetingLine  = 1 << 10  // bytes of a line; the rest of a longer one is dropped
	maxGreetingLines = 1000     // lines
	maxGreeting      = 64 << 10 // bytes of all lines together
	shownLines       = 3        // lines that a sentence shows
	shownLine        = 60       // bytes of each
)

// mustPrint is what a server binary has to do.
const mustPrint = "must print HOST:PORT in a line of its own on standard output"

// greeting reads what a server binary prints, up to its address. The zero value has
// read nothing. Its methods are safe for concurrent use.
type greeting struct {
	mu    sync.Mutex
	first []string // the first lines that are no address
	lines int      // how many of them there were
	bytes int      // of all
	part  []byte   // of the line that has not ended
}

// read returns the first line of r that is an address. It does not drain r.
func (g *greeting) read(ctx context.Context, r io.Reader) (string, error) {
	var chunk [1 << 10]byte
	for {
		n, err := r.Read(chunk[:])
		for rest := chunk[:n]; len(rest) > 0; {
			var ended bool
			if rest, ended = g.take(rest); ended {
				if at, ok := g.line(ctx); ok {
					return at, nil
				}
			}
			if g.isFull() {
				return "", fmt.Errorf("%s, but %s and went on: more than %d lines or %d KiB are not read", mustPrint, g.printed(), maxGreetingLines, maxGreeting>>10)
			}
		}
		if err != nil { // the end of its output ends a line too
			if at, ok := g.line(ctx); ok {
				return at, nil
			}
			return "", fmt.Errorf("%s, but %s", mustPrint, g.printed())
		}
	}
}

// take adds text up to the end of a line and returns what follows.
func (g *greeting) take(text []byte) (rest []byte, ended bool) {
	g.mu.Lock()
	defer g.mu.Unlock()
	line, rest, ended := bytes.Cut(text, []byte("\n"))
	g.bytes += len(text) - len(rest)
	g.part = append(g.part, line[:min(len(line), maxGreetingLine-len(g.part))]...)
	return rest, ended
}

// line ends the line and returns it if it is an address.
func (g *greeting) line(ctx context.Context) (at string, ok bool) {
	g.mu.Lock()
	text := strings.TrimSpace(string(g.part))
	g.part = g.part[:0]
	g.mu.Unlock()
	if isAddress(ctx, text) {
		return text, true
	}
	if text == "" {
		return "", false
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.lines++; len(g.first) < shownLines {
		g.first = append(g.first, text)
	}
	return "", false
}

func (g *greeting) isFull() bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	return g.lines >= maxGreetingLines || g.bytes >= maxGreeting
}

// printed says what was printed so far. It is what the program wrote: quoted and cut,
// but with any secret in it.
func (g *greeting) printed() string {
	g.mu.Lock()
	defer g.mu.Unlock()
	part := strings.TrimSpace(string(g.part))
	if g.lines == 0 && part == "" {
		return "printed nothing"
	}
	shown := cut(g.first)
	switch more := g.lines - len(g.first); {
	case part != "":
		shown = append(shown, fmt.Sprintf("%s without the end of the line", cut([]string{part})[0]))
	case more > 0:
		shown = append(shown, fmt.Sprintf("%d lines more", more))
	}
	return "printed " + strings.Join(shown, ", ")
}

// late is the sentence of a program that printed no address within limit.
func (g *greeting) late(limit time.Duration) error {
	return fmt.Errorf("%s within %v (raise --server-start-timeout), but %s: if it prints its address, its standard output may be buffered: flush it", mustPrint, limit, g.printed())
}

// before returns the lines that came before the address, as [greeting.printed] does.
func (g *greeting) before() []string {
	g.mu.Lock()
	defer g.mu.Unlock()
	return cut(g.first)
}

// cut quotes lines, each at most as long as a sentence can hold.
func cut(lines []string) []string {
	var all []string
	for _, l := range lines {
		if len(l) > shownLine {
			l = strings.ToValidUTF8(l[:shownLine], "") + "…"
		}
		all = append(all, strconv.Quote(l))
	}
	return all
}

// isAddress reports whether text is HOST:PORT that can be connected to: an IP address or a
// name that resolves, so that a line of a log such as "workers:4" is not taken for one.
func isAddress(ctx context.Context, text string) bool {
	host, port, err := net.SplitHostPort(text)
	if err != nil || host == "" || strings.ContainsFunc(host, func(c rune) bool { return c <= ' ' || c > '~' }) {
		return false
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return false
	}
	bare, _, _ := strings.Cut(host, "%")
	if net.ParseIP(bare) != nil {
		return true
	}
	_, err = net.DefaultResolver.LookupHost(ctx, host)
	return err == nil
}

// errStopped ends a start that nobody waits for any more.
var errStopped = errors.New("was stopped before it had started")
