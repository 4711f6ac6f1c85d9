package codec_test

import (
	"runtime"
	"strings"
	"testing"

	"grpcbench/internal/codec"
)

func TestParseReadsNamesAndLevelsAndStringIsCanonical(t *testing.T) {
	for _, tt := range []struct {
		in        string
		want      codec.Spec
		canonical string
	}{
		{"none", codec.Spec{Name: codec.None}, "none"},
		{"gzip", codec.Spec{Name: codec.Gzip, Level: 6}, "gzip:medium"},
		{"gzip:none", codec.Spec{Name: codec.Gzip, Level: 0}, "gzip:none"},
		{"gzip:low", codec.Spec{Name: codec.Gzip, Level: 3}, "gzip:low"},
		{"gzip:3", codec.Spec{Name: codec.Gzip, Level: 3}, "gzip:low"},
		{"deflate:medium", codec.Spec{Name: codec.Deflate, Level: 6}, "deflate:medium"},
		{"deflate:9", codec.Spec{Name: codec.Deflate, Level: 9}, "deflate:high"},
		{"zstd:high", codec.Spec{Name: codec.Zstd, Level: 9}, "zstd:high"},
		{"zstd:5", codec.Spec{Name: codec.Zstd, Level: 5}, "zstd:5"},
	} {
		got, err := codec.Parse(tt.in)
		if err != nil {
			t.Errorf("Parse(%q): %v", tt.in, err)
			continue
		}
		if got != tt.want || got.String() != tt.canonical {
			t.Errorf("Parse(%q) = %+v %q, want %+v %q", tt.in, got, got, tt.want, tt.canonical)
		}
		if again, err := codec.Parse(got.String()); err != nil || again != got {
			t.Errorf("Parse(%q) = %+v, %v, want %+v", got, again, err, got)
		}
	}
}

func TestParseRefusesWhatItDoesNotKnow(t *testing.T) {
	for in, want := range map[string]string{
		"":          `compression "": must be none, gzip, deflate or zstd`,
		"gzi":       `compression "gzi": must be none, gzip, deflate or zstd`,
		"GZIP":      `compression "GZIP": must be none, gzip, deflate or zstd`,
		"none:low":  `compression "none:low": none must be given without a level`,
		"gzip:":     `compression "gzip:": level must be none, low, medium, high or 1 to 9`,
		"gzip:0":    `compression "gzip:0": level must be none, low, medium, high or 1 to 9`,
		"gzip:10":   `compression "gzip:10": level must be none, low, medium, high or 1 to 9`,
		"zstd:-1":   `compression "zstd:-1": level must be none, low, medium, high or 1 to 9`,
		"gzip:3:3":  `compression "gzip:3:3": level must be none, low, medium, high or 1 to 9`,
		"gzip: low": `compression "gzip: low": level must be none, low, medium, high or 1 to 9`,
	} {
		got, err := codec.Parse(in)
		if err == nil || err.Error() != want {
			t.Errorf("Parse(%q) = %v, %v, want error %q", in, got, err, want)
		}
	}
}

func TestSpecSaysWhatIsAnnouncedAndWhatIsCompressed(t *testing.T) {
	for _, tt := range []struct {
		spec                  codec.Spec
		announced, compresses bool
	}{
		{codec.Spec{}, false, false},
		{codec.Spec{Name: codec.None}, false, false},
		{codec.Spec{Name: codec.Gzip, Level: codec.LevelNone}, true, false},
		{codec.Spec{Name: codec.Zstd, Level: codec.LevelLow}, true, true},
	} {
		if a, c := tt.spec.Announced(), tt.spec.Compresses(); a != tt.announced || c != tt.compresses {
			t.Errorf("%+v: announced %v, compresses %v, want %v, %v", tt.spec, a, c, tt.announced, tt.compresses)
		}
	}
}

func TestImplementationNamesCodeVersionAndLevel(t *testing.T) {
	version := runtime.Version()
	for spec, want := range map[codec.Spec]string{
		{}:                              "none",
		{Name: codec.Gzip, Level: 3}:    "compress/gzip " + version + " level 3",
		{Name: codec.Deflate, Level: 9}: "compress/zlib " + version + " level 9",
		{Name: codec.Gzip, Level: 0}:    "compress/gzip " + version + ", messages sent uncompressed",
	} {
		if got := spec.Implementation(); got != want {
			t.Errorf("%+v: implementation %q, want %q", spec, got, want)
		}
	}
	// A test binary lists no modules, so zstd is named without its version here.
	got := codec.Spec{Name: codec.Zstd, Level: 5}.Implementation()
	if !strings.HasPrefix(got, "klauspost/compress/zstd") || !strings.HasSuffix(got, " level default (zstd 5)") {
		t.Errorf("implementation %q, want klauspost/compress/zstd … level default (zstd 5)", got)
	}
}
