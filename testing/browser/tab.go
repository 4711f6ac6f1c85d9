package browser

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"sync"
	"unicode/utf8"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/cdproto/css"
	"github.com/chromedp/cdproto/dom"
	"github.com/chromedp/cdproto/emulation"
	"github.com/chromedp/cdproto/input"
	"github.com/chromedp/cdproto/log"
	"github.com/chromedp/cdproto/network"
	"github.com/chromedp/cdproto/page"
	"github.com/chromedp/cdproto/runtime"
	"github.com/chromedp/chromedp"
	"github.com/chromedp/chromedp/kb"
)

// View is how a page is opened.
type View struct {
	Width, Height int
	Dark          bool // the reader prefers a dark scheme
	NoScript      bool // scripts of the page do not run
}

// Tab is an open page.
type Tab struct {
	ctx context.Context // chromedp's

	// What the page did.
	mu       sync.Mutex
	requests []*network.EventRequestWillBeSent
	problems []string
}

// Open opens a page and waits until it has loaded.
func (b *Browser) Open(url string, v View) (*Tab, error) {
	t := &Tab{}
	t.ctx, _ = chromedp.NewContext(b.ctx, chromedp.WithNewWindow(false), chromedp.WithListener(t.heard))
	if err := chromedp.Do(t.ctx); err != nil { // the tab lives as long as the context of this call
		return nil, err
	}
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	// What chromedp's queries need, and nothing here, would make the page load slower.
	return t, t.do(command(css.Disable, cdp.Empty{}), command(dom.Disable, cdp.Empty{}),
		chromedp.EmulateViewport(int64(v.Width), int64(v.Height)),
		command(emulation.SetEmulatedMedia, emulation.SetEmulatedMediaParams{Features: []*emulation.MediaFeature{{Name: "prefers-color-scheme", Value: scheme}}}),
		command(emulation.SetScriptExecutionDisabled, emulation.SetScriptExecutionDisabledParams{Value: v.NoScript}),
		chromedp.Navigate(url))
}

// command is a command of the protocol that chromedp has no action for.
func command[P, R any](c cdp.Command[P, R], params P) chromedp.Action[chromedp.Void] {
	return chromedp.Func(func(ctx context.Context, t *chromedp.Target) error {
		_, err := cdp.Call(ctx, t, c, params)
		return err
	})
}

func (t *Tab) do(steps ...chromedp.Action[chromedp.Void]) error {
	_, err := get(t, chromedp.Steps(steps...))
	return err
}

// get does something and returns what it gives.
func get[T any](t *Tab, a chromedp.Action[T]) (T, error) {
	ctx, cancel := context.WithTimeout(t.ctx, patience)
	defer cancel()
	return chromedp.Run(ctx, a)
}

// heard notes an event, before the answer to any command that Chromium answers later.
func (t *Tab) heard(event any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	problem := func(format string, v ...any) { t.problems = append(t.problems, fmt.Sprintf(format, v...)) }
	switch e := event.(type) {
	case *network.EventRequestWillBeSent:
		t.requests = append(t.requests, e)
	case *network.EventLoadingFailed:
		if e.BlockedReason == network.BlockedReasonCsp { // it never left, and the console says so
			t.requests = slices.DeleteFunc(t.requests, func(r *network.EventRequestWillBeSent) bool { return r.RequestID == e.RequestID })
		}
	case *runtime.EventExceptionThrown:
		problem("%v", &chromedp.ExceptionError{ExceptionDetails: e.ExceptionDetails})
	case *runtime.EventConsoleAPICalled:
		args, err := json.Marshal(e.Args)
		if err != nil {
			args = []byte(err.Error())
		}
		problem("console.%s: %s", e.Type, args)
	case *log.EventEntryAdded:
		problem("%s: %s", e.Entry.Level, e.Entry.Text)
	case *page.EventJavascriptDialogOpening:
		problem("dialog: %s", e.Message)
		go func() { // the answer comes by the goroutine that is here; it ends with the tab
			_ = t.do(command(page.HandleJavaScriptDialog, page.HandleJavaScriptDialogParams{Accept: false}))
		}()
	}
}

// Requests are the URLs that the page has asked for, itself among them, without those
// that its policy kept back.
func (t *Tab) Requests() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	var urls []string
	for _, r := range t.requests {
		urls = append(urls, r.Request.URL)
	}
	return urls
}

// Problems are what the page wrote to the console, what it threw, what was refused
// to it and the dialogs it opened.
func (t *Tab) Problems() []string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Clone(t.problems)
}

// Eval evaluates an expression, waits for it if it is a promise, and reads its value
// into result unless that is nil. The page's policy does not hold for it.
func (t *Tab) Eval(expression string, result any) error {
	value, err := get(t, chromedp.Evaluate[[]byte](expression, chromedp.EvalAwaitPromise))
	if err != nil {
		return fmt.Errorf("evaluate %.60q: %w", expression, err)
	}
	if result == nil || value == nil {
		return nil
	}
	return json.Unmarshal(value, result)
}

// Screenshot is the whole page as PNG.
func (t *Tab) Screenshot() ([]byte, error) { return get(t, chromedp.FullScreenshot(100)) }

// PDF is the page as it is printed on the paper it asks for.
func (t *Tab) PDF() ([]byte, error) {
	return get(t, chromedp.PrintToPDF(chromedp.PDFPreferCSSPageSize(), chromedp.PDFPrintBackground()))
}

// Point moves the mouse.
func (t *Tab) Point(x, y float64) error { return t.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y)) }

// Click presses and releases the mouse's first button at a place.
func (t *Tab) Click(x, y float64) error {
	return t.do(chromedp.MouseEvent(chromedp.MouseMoved, x, y), chromedp.MouseClickXY(x, y))
}

// Press presses a key, named as in KeyboardEvent.key.
func (t *Tab) Press(key string) error {
	named := map[string]string{"Tab": kb.Tab, "Enter": kb.Enter, "Escape": kb.Escape, "Home": kb.Home, "End": kb.End, "ArrowRight": kb.ArrowRight}[key]
	switch {
	case named != "":
		key = named
	case utf8.RuneCountInString(key) != 1:
		return fmt.Errorf("key %q: not one that Press knows", key)
	}
	return t.do(chromedp.KeyEvent(key))
}

// Type types text where the focus is.
func (t *Tab) Type(text string) error {
	return t.do(command(input.InsertText, input.InsertTextParams{Text: text}))
}

// Close closes the page.
func (t *Tab) Close() error { return chromedp.Cancel(t.ctx) }
