// Package browser is for tests: it opens pages in a headless Chromium and says what
// they did. It asks chromedp, over the pipe that Chromium offers for it, so that no
// port is opened. Nothing but tests imports it.
package browser

import (
	"context"
	"errors"
	"fmt"
	"os/exec"
	"sync"
	"time"

	"github.com/chromedp/chromedp"
)

// Missing is what a test says when there is no Chromium: the one command to run.
const Missing = "chromium is missing: run scripts/browser.sh, which installs it"

// patience is how long an answer is waited for; only a browser that hangs needs it.
const patience = 60 * time.Second

// Browser is a running Chromium. Its methods may be called from several goroutines.
type Browser struct {
	ctx  context.Context    // of the tab that Chromium begins with
	stop context.CancelFunc // ends it at once, and waits until its profile is gone

	mu     sync.Mutex
	unread []error // what Chromium said and chromedp did not understand
}

// Start starts Chromium with an empty profile. It reaches no other machine:
// every name resolves to nothing.
func Start(ctx context.Context) (*Browser, error) {
	path, err := exec.LookPath("chromium")
	if err != nil {
		return nil, errors.New(Missing)
	}
	b := &Browser{}
	ctx, b.stop = chromedp.NewExecAllocator(ctx, chromedp.ExecPath(path), chromedp.NoSandbox, chromedp.NoFirstRun,
		chromedp.Flag("headless", "new"), chromedp.Flag("disable-gpu", true), chromedp.Flag("disable-background-networking", true),
		chromedp.Flag("disable-component-update", true), chromedp.Flag("disable-sync", true), chromedp.Flag("disable-extensions", true),
		chromedp.Flag("disable-dev-shm-usage", true), chromedp.Flag("host-resolver-rules", "MAP * ~NOTFOUND , EXCLUDE 127.0.0.1"))
	b.ctx, _ = chromedp.NewContext(ctx, chromedp.WithErrorf(b.misread))
	if err := chromedp.Do(b.ctx); err != nil {
		b.stop()
		return nil, fmt.Errorf("start chromium: %w", err)
	}
	return b, nil
}

func (b *Browser) misread(format string, v ...any) {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.unread = append(b.unread, fmt.Errorf(format, v...))
}

// Close ends the browser, waits for it, and fails if any event went by that could not
// be read: it may have been a problem of a page.
func (b *Browser) Close() error {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(b.ctx), patience)
	defer cancel()
	err := chromedp.Cancel(ctx)
	if errors.Is(err, context.Canceled) {
		err = nil // it was ended before this, by the context that it was started with
	}
	b.stop()
	b.mu.Lock()
	defer b.mu.Unlock()
	return errors.Join(append(b.unread, err)...)
}
