package hostile

import "testing"

func TestCheckFindsWhatActs(t *testing.T) {
	for _, text := range []string{"\x1b[2J", "a\tb", "a\rb", "\x00", "\x7f", "\u009b", "\u2028", "\u202e", "\u2066", "\u200b", "\ufeff", "\U000e0041", "\xff", "\xed\xa0\xbd"} {
		if Check("before "+text+" behind") == nil {
			t.Errorf("%q passes", text)
		}
	}
	for _, text := range []string{"", "two\nlines", "µs · ± → ▲ ▼ ≥ – … « »", "\ufffd", "日本語", "é"} {
		if err := Check(text); err != nil {
			t.Errorf("%q: %v", text, err)
		}
	}
}
