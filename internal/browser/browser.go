// Package browser is for tests: it opens pages in a headless Chromium and says what
// they did, by the DevTools protocol over the pipe that Chromium offers for it, so
// that no port is opened. Nothing but tests imports it.
package browser

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"sync"
	"time"
)

// Missing is what a test says when there is no Chromium: the one command to run.
const Missing = "chromium is missing: run scripts/browser.sh, which installs it"

// Browser is a running Chromium. Its methods may be called from several goroutines.
type Browser struct {
	command *exec.Cmd
	profile string
	to      *os.File
	ended   sync.WaitGroup

	mu      sync.Mutex
	last    int
	waiting map[int]chan message
	tabs    map[string]*Tab // by session
	failed  error           // why nothing more comes
}

// message is what goes over the pipe.
type message struct {
	ID      int             `json:"id,omitempty"`
	Session string          `json:"sessionId,omitempty"`
	Method  string          `json:"method,omitempty"`
	Params  json.RawMessage `json:"params,omitempty"`
	Result  json.RawMessage `json:"result,omitempty"`
	Error   *struct {
		Message string `json:"message"`
	} `json:"error,omitempty"`
}

// Start starts Chromium with an empty profile. It reaches no other machine:
// every name resolves to nothing.
func Start(ctx context.Context) (*Browser, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, errors.New(Missing)
	}
	dir, err := os.MkdirTemp("", "grpc-bench-browser-")
	if err != nil {
		return nil, err
	}
	in, to, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	from, out, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	b := &Browser{to: to, profile: dir, waiting: make(map[int]chan message), tabs: make(map[string]*Tab)}
	b.command = exec.CommandContext(ctx, path, "--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--remote-debugging-pipe",
		"--user-data-dir="+dir, "--disable-background-networking", "--disable-component-update", "--disable-sync", "--disable-extensions",
		"--disable-dev-shm-usage", "--host-resolver-rules=MAP * ~NOTFOUND , EXCLUDE 127.0.0.1", "about:blank")
	b.command.ExtraFiles = []*os.File{in, out} // 3 and 4 in the child
	if err := b.command.Start(); err != nil {
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	_, _ = in.Close(), out.Close() // the child's ends
	b.ended.Go(func() { b.read(from) })
	return b, nil
}

// Close ends the browser and waits for it.
func (b *Browser) Close() error {
	_ = b.call("", "Browser.close", nil, nil) // it may end before it answers
	err := b.to.Close()
	b.ended.Wait()
	_ = b.command.Wait() // what it ends with says nothing
	// Its helpers outlive it by a moment, in which they still write.
	for range 100 {
		if removed := os.RemoveAll(b.profile); removed == nil {
			return err
		}
		time.Sleep(20 * time.Millisecond)
	}
	return errors.Join(err, os.RemoveAll(b.profile))
}

// read hands out what the browser says, until it ends.
func (b *Browser) read(from io.ReadCloser) {
	defer from.Close()
	lines := bufio.NewReaderSize(from, 1<<20)
	for {
		data, err := lines.ReadBytes(0)
		if err != nil {
			b.fail(fmt.Errorf("chromium ended: %w", err))
			return
		}
		var m message
		if err := json.Unmarshal(bytes.TrimSuffix(data, []byte{0}), &m); err != nil {
			b.fail(fmt.Errorf("read from chromium: %w", err))
			return
		}
		b.deliver(m)
	}
}

func (b *Browser) deliver(m message) {
	b.mu.Lock()
	defer b.mu.Unlock()
	if m.ID != 0 {
		if c := b.waiting[m.ID]; c != nil {
			delete(b.waiting, m.ID)
			c <- m
		}
		return
	}
	if t := b.tabs[m.Session]; t != nil {
		t.heard(m)
	}
}

func (b *Browser) fail(err error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.failed = err
	for id, c := range b.waiting {
		delete(b.waiting, id)
		close(c)
	}
}

// patience is how long an answer is waited for; only a browser that hangs needs it.
const patience = 60 * time.Second

// call asks a session for something and reads the answer into result, if that is
// not nil.
func (b *Browser) call(session, method string, params, result any) error {
	data, err := json.Marshal(params)
	if err != nil {
		return err
	}
	answer := make(chan message, 1)
	b.mu.Lock()
	if b.failed != nil {
		b.mu.Unlock()
		return b.failed
	}
	b.last++
	m := message{ID: b.last, Session: session, Method: method}
	if params != nil {
		m.Params = data
	}
	b.waiting[m.ID] = answer
	line, err := json.Marshal(m)
	if err == nil {
		_, err = b.to.Write(append(line, 0))
	}
	b.mu.Unlock()
	if err != nil {
		return fmt.Errorf("%s: %w", method, err)
	}
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	select {
	case m, ok := <-answer:
		switch {
		case !ok:
			b.mu.Lock()
			defer b.mu.Unlock()
			return fmt.Errorf("%s: %w", method, b.failed)
		case m.Error != nil:
			return fmt.Errorf("%s: %s", method, m.Error.Message)
		case result != nil:
			return json.Unmarshal(m.Result, result)
		}
		return nil
	case <-timeout.C:
		return fmt.Errorf("%s: no answer within %v", method, patience)
	}
}
