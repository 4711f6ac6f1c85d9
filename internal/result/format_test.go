package result

import "testing"

func TestADurationInASentenceHasThreeDigitsAndAUnit(t *testing.T) {
	for _, tt := range []struct {
		ns   float64
		want string
	}{
		{0, "0 ns"}, {999.4, "999 ns"}, {999.6, "1.00 µs"}, {6_260_000, "6.26 ms"}, {62_640_000, "62.6 ms"},
		{626_400_000, "626 ms"}, {999_700_000, "1.00 s"}, {-51_000_000, "-51.0 ms"}, {61e9, "61.0 s"},
	} {
		if got := FormatDuration(tt.ns); got != tt.want {
			t.Errorf("%v ns: got %q, want %q", tt.ns, got, tt.want)
		}
	}
}
