package browser

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// View is how a page is opened.
type View struct {
	Width, Height int
	Dark          bool // the reader prefers a dark scheme
	NoScript      bool // scripts of the page do not run
}

// Tab is an open page.
type Tab struct {
	browser *Browser
	session string
	target  string
	// What the page did, under the browser's lock.
	requests []request
	problems []string
	loaded   chan struct{}
}

// request is something that a page asked for.
type request struct{ id, url string }

// Open opens a page and waits until it has loaded.
func (b *Browser) Open(url string, v View) (*Tab, error) {
	t := &Tab{browser: b, loaded: make(chan struct{}, 16)}
	var created struct {
		TargetID string `json:"targetId"`
	}
	if err := b.call("", "Target.createTarget", map[string]any{"url": "about:blank"}, &created); err != nil {
		return nil, err
	}
	t.target = created.TargetID
	var attached struct {
		SessionID string `json:"sessionId"`
	}
	if err := b.call("", "Target.attachToTarget", map[string]any{"targetId": t.target, "flatten": true}, &attached); err != nil {
		return nil, err
	}
	t.session = attached.SessionID
	b.mu.Lock()
	b.tabs[t.session] = t
	b.mu.Unlock()
	scheme := "light"
	if v.Dark {
		scheme = "dark"
	}
	for _, c := range []struct {
		method string
		params any
	}{
		{"Page.enable", nil}, {"Runtime.enable", nil}, {"Network.enable", nil}, {"Log.enable", nil},
		{"Emulation.setDeviceMetricsOverride", map[string]any{"width": v.Width, "height": v.Height, "deviceScaleFactor": 1, "mobile": false}},
		{"Emulation.setEmulatedMedia", map[string]any{"features": []map[string]string{{"name": "prefers-color-scheme", "value": scheme}}}},
		{"Emulation.setScriptExecutionDisabled", map[string]any{"value": v.NoScript}},
		{"Page.navigate", map[string]any{"url": url}},
	} {
		if err := t.call(c.method, c.params, nil); err != nil {
			return nil, err
		}
	}
	return t, t.wait()
}

// wait returns when the page is complete. The first load may be that of the empty
// page before it.
func (t *Tab) wait() error {
	timeout := time.NewTimer(patience)
	defer timeout.Stop()
	for {
		select {
		case <-t.loaded:
		case <-timeout.C:
			return errors.New("the page did not load")
		}
		var state string
		if err := t.Eval("document.readyState + document.URL", &state); err != nil {
			return err
		}
		if strings.HasPrefix(state, "complete") && state != "completeabout:blank" {
			return nil
		}
	}
}

func (t *Tab) call(method string, params, result any) error {
	return t.browser.call(t.session, method, params, result)
}

// heard notes an event. The browser's lock is held.
func (t *Tab) heard(m message) {
	var p struct {
		Request struct {
			URL string `json:"url"`
		} `json:"request"`
		RequestID     string `json:"requestId"`
		BlockedReason string `json:"blockedReason"`
		Type          string `json:"type"`
		Entry         struct {
			Level string `json:"level"`
			Text  string `json:"text"`
		} `json:"entry"`
		Message          string          `json:"message"`
		ExceptionDetails json.RawMessage `json:"exceptionDetails"`
		Args             json.RawMessage `json:"args"`
	}
	if err := json.Unmarshal(m.Params, &p); err != nil {
		t.problems = append(t.problems, m.Method+": "+err.Error())
		return
	}
	switch m.Method {
	case "Page.loadEventFired":
		select {
		case t.loaded <- struct{}{}:
		default:
		}
	case "Network.requestWillBeSent":
		t.requests = append(t.requests, request{p.RequestID, p.Request.URL})
	case "Network.loadingFailed":
		if p.BlockedReason == "csp" { // it never left, and the console says so
			t.requests = slices.DeleteFunc(t.requests, func(r request) bool { return r.id == p.RequestID })
		}
	case "Runtime.exceptionThrown":
		t.problems = append(t.problems, fmt.Sprintf("exception: %s", p.ExceptionDetails))
	case "Runtime.consoleAPICalled":
		t.problems = append(t.problems, fmt.Sprintf("console.%s: %s", p.Type, p.Args))
	case "Log.entryAdded":
		t.problems = append(t.problems, p.Entry.Level+": "+p.Entry.Text)
	case "Page.javascriptDialogOpening":
		t.problems = append(t.problems, "dialog: "+p.Message)
		t.browser.ended.Go(func() { // the answer comes by the goroutine that is here
			_ = t.call("Page.handleJavaScriptDialog", map[string]any{"accept": false}, nil)
		})
	}
}

// Requests are the URLs that the page has asked for, itself among them, without those
// that its policy kept back.
func (t *Tab) Requests() []string {
	t.browser.mu.Lock()
	defer t.browser.mu.Unlock()
	var urls []string
	for _, r := range t.requests {
		urls = append(urls, r.url)
	}
	return urls
}

// Problems are what the page wrote to the console, what it threw, what was refused
// to it and the dialogs it opened.
func (t *Tab) Problems() []string {
	t.browser.mu.Lock()
	defer t.browser.mu.Unlock()
	return append([]string{}, t.problems...)
}

// Eval evaluates an expression, waits for it if it is a promise, and reads its value
// into result unless that is nil. The page's policy does not hold for it.
func (t *Tab) Eval(expression string, result any) error {
	var out struct {
		Result struct {
			Value json.RawMessage `json:"value"`
		} `json:"result"`
		ExceptionDetails *struct {
			Exception struct {
				Description string `json:"description"`
			} `json:"exception"`
		} `json:"exceptionDetails"`
	}
	if err := t.call("Runtime.evaluate", map[string]any{"expression": expression, "awaitPromise": true, "returnByValue": true}, &out); err != nil {
		return err
	}
	if out.ExceptionDetails != nil {
		return fmt.Errorf("evaluate %.60q: %s", expression, out.ExceptionDetails.Exception.Description)
	}
	if result == nil || out.Result.Value == nil {
		return nil
	}
	return json.Unmarshal(out.Result.Value, result)
}

// Screenshot is the whole page as PNG.
func (t *Tab) Screenshot() ([]byte, error) {
	return t.picture("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true})
}

// Picture is a part of the page as PNG, from its top, as many times larger as scale
// says.
func (t *Tab) Picture(width, height int, scale float64) ([]byte, error) {
	return t.picture("Page.captureScreenshot", map[string]any{"format": "png", "captureBeyondViewport": true,
		"clip": map[string]any{"x": 0, "y": 0, "width": width, "height": height, "scale": scale}})
}

// PDF is the page as it is printed on the paper it asks for.
func (t *Tab) PDF() ([]byte, error) {
	return t.picture("Page.printToPDF", map[string]any{"preferCSSPageSize": true, "printBackground": true})
}

func (t *Tab) picture(method string, params any) ([]byte, error) {
	var out struct {
		Data []byte `json:"data"`
	}
	err := t.call(method, params, &out)
	return out.Data, err
}

// Point moves the mouse.
func (t *Tab) Point(x, y float64) error {
	return t.call("Input.dispatchMouseEvent", map[string]any{"type": "mouseMoved", "x": x, "y": y}, nil)
}

// Click presses and releases the mouse's first button at a place.
func (t *Tab) Click(x, y float64) error {
	for _, kind := range []string{"mouseMoved", "mousePressed", "mouseReleased"} {
		if err := t.call("Input.dispatchMouseEvent", map[string]any{"type": kind, "x": x, "y": y, "button": "left", "clickCount": 1}, nil); err != nil {
			return err
		}
	}
	return nil
}

// Press presses a key, named as in KeyboardEvent.key. Enter, Space and Tab do what they do
// by themselves.
func (t *Tab) Press(key string) error {
	p := map[string]any{"key": key, "code": key}
	switch key {
	case "Enter":
		p["text"], p["windowsVirtualKeyCode"] = "\r", 13
	case " ":
		p["text"], p["code"], p["windowsVirtualKeyCode"] = " ", "Space", 32
	case "Tab":
		p["windowsVirtualKeyCode"] = 9
	}
	for _, kind := range []string{"keyDown", "keyUp"} {
		p["type"] = kind
		if err := t.call("Input.dispatchKeyEvent", p, nil); err != nil {
			return err
		}
	}
	return nil
}

// Type types text where the focus is.
func (t *Tab) Type(text string) error {
	return t.call("Input.insertText", map[string]any{"text": text}, nil)
}

// Close closes the page.
func (t *Tab) Close() error {
	return t.browser.call("", "Target.closeTarget", map[string]any{"targetId": t.target}, nil)
}
