package plan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/address"
)

// parsed makes a set function of a parser and the field it fills.
func parsed[T any](parse func(string) (T, error), field func(*Settings) *T) func(*Arm, string) error {
	return func(a *Arm, text string) error {
		v, err := parse(text)
		if err != nil {
			return err
		}
		*field(&a.Settings) = v
		return nil
	}
}

// oneOf is a setting with fixed words; the first is the default.
func oneOf(name, doc string, words []string, field func(*Settings) *string) setting {
	return setting{
		name: name, value: strings.Join(words, "|"), start: words[0], doc: doc,
		set: parsed(word(words...), field),
		get: func(s Settings) string { return *field(&s) },
	}
}

// startingAt is the setting with another default.
func (s setting) startingAt(text string) setting {
	s.start = text
	return s
}

// onOff is a setting that is on or off; off is the default.
func onOff(name, doc string, field func(*Settings) *bool) setting {
	return setting{
		name: name, value: "on|off", start: Off, doc: doc,
		set: parsed(parseOnOff, field),
		get: func(s Settings) string {
			if *field(&s) {
				return On
			}
			return Off
		},
	}
}

// word reads one of the words.
func word(words ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if !slices.Contains(words, text) {
			return "", fmt.Errorf("must be %s", orList(words))
		}
		return text, nil
	}
}

// whole reads a whole number in [low, high].
func whole(low, high int) func(string) (int, error) {
	return func(text string) (int, error) {
		n, err := parseDigits(text)
		if err != nil || n < low || n > high {
			return 0, fmt.Errorf("must be a whole number in [%d, %d]", low, high)
		}
		return n, nil
	}
}

func parseOnOff(text string) (bool, error) {
	w, err := word(On, Off)(text)
	return w == On, err
}

func setGroup(a *Arm, text string) error {
	group, err := word("default", X25519, P256, MLKEM)(text)
	if err != nil {
		return err
	}
	if group == "default" {
		group = ""
	}
	a.Settings.Group = group
	return nil
}

// setTarget reads what address.Check takes. The empty text is a bundled server.
func setTarget(a *Arm, text string) error {
	if text == "" {
		a.Settings.Target = ""
		return nil
	}
	return parsed(parseTarget, func(s *Settings) *string { return &s.Target })(a, text)
}

func parseTarget(text string) (string, error) {
	if err := address.Check(text); err != nil {
		return "", err
	}
	return text, nil
}

// notAddress reports whether text does not look like HOST:PORT, and may be a
// user's name and password, or a value that slipped there from --metadata.
func notAddress(text string) bool {
	return strings.ContainsAny(text, "@= ") || !strings.Contains(text, ":")
}

func addMetadata(a *Arm, text string) error {
	if text == "none" {
		return nil
	}
	key, value, err := parseMetadata(text)
	if err != nil {
		return err
	}
	a.Settings.Metadata = append(slices.Clip(a.Settings.Metadata), key)
	a.Secrets = append(slices.Clip(a.Secrets), value)
	return nil
}

func clearMetadata(a *Arm) { a.Settings.Metadata, a.Secrets = nil, nil }

func metadataNames(s Settings) string {
	var names []string
	for _, key := range s.Metadata {
		names = append(names, key.Name)
	}
	return orDefault(strings.Join(names, "+"), "none")
}

func parseDeadline(text string) (Duration, error) {
	if text == "none" {
		return 0, nil
	}
	d, err := time.ParseDuration(text)
	if err != nil || d < time.Microsecond || d > time.Hour {
		return 0, errors.New("must be none or a duration in [1µs, 1h] as in 50ms")
	}
	return d, nil
}

func deadlineText(s Settings) string {
	if s.Deadline == 0 {
		return "none"
	}
	return s.Deadline.String()
}

func parseMethod(text string) (string, error) {
	name := strings.TrimPrefix(text, "/") // grpcurl and descriptors write it without
	service, method, ok := strings.Cut(name, "/")
	bad := strings.ContainsFunc(text, func(r rune) bool { return r <= ' ' || r > '~' })
	if !ok || bad || service == "" || method == "" || strings.Contains(method, "/") {
		return "", errors.New("must be /PKG.SERVICE/METHOD")
	}
	return "/" + name, nil
}

func requestText(s Settings) string {
	if s.Request == nil {
		return ""
	}
	return "@" + s.Request.File
}

func requestDigest(a Arm) string {
	if a.Settings.Request == nil {
		return ""
	}
	return a.Settings.Request.File + " " + a.Settings.Request.SHA256
}

func orDefault(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
