package probe

import (
	"runtime"
	"runtime/debug"
)

// Build is the program that measures. A text that is "" was not recorded when it
// was built.
type Build struct {
	Version  string // of the module; "(devel)" when built from a work tree without one
	Revision string // of the source; "" when built by go run or go test
	Dirty    bool   // the source differed from Revision
	Go       string // e.g. "go1.26.8"
	GRPCGo   string // e.g. "v1.85.0"
}

// Tool is the Build of this program.
func Tool() Build {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return Build{Go: runtime.Version()}
	}
	return build(info)
}

func build(info *debug.BuildInfo) Build {
	b := Build{Version: info.Main.Version, Go: info.GoVersion}
	for _, s := range info.Settings {
		switch s.Key {
		case "vcs.revision":
			b.Revision = s.Value
		case "vcs.modified":
			b.Dirty = s.Value == "true"
		}
	}
	for _, dep := range info.Deps {
		if dep.Path != "google.golang.org/grpc" {
			continue
		}
		if dep.Replace != nil {
			dep = dep.Replace
		}
		b.GRPCGo = dep.Version
	}
	return b
}
