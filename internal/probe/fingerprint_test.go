package probe

import (
	"os"
	"path/filepath"
	"runtime"
	"runtime/debug"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// write puts a file on a machine made for a test.
func write(t *testing.T, m Machine, path, text string) {
	t.Helper()
	path = filepath.Join(m.Root, path)
	if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
}

func TestFingerprintHoldsTheFactsOfItsMachine(t *testing.T) {
	got := Machine{Root: "testdata/start"}.Fingerprint()
	want := Fingerprint{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
		Kernel:     "6.12.0-generic",
		CPU:        "AMD EPYC 9V74",
		MemBytes:   16_384_000 << 10,
		CgroupCPUs: 1.5, // of the slice; the service below has no quota
		Virtual:    true,
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("fingerprint (-want +got):\n%s", diff)
	}
	lo, hi, ok := Machine{Root: "testdata/start"}.PortRange()
	if lo != 32768 || hi != 60999 || !ok {
		t.Errorf("ports %d to %d %v, want 32768 to 60999 true", lo, hi, ok)
	}
}

func TestFingerprintOfAnUnknownMachineIsEmpty(t *testing.T) {
	m := Machine{Root: t.TempDir()}
	want := Fingerprint{
		OS: runtime.GOOS, Arch: runtime.GOARCH, CPUs: runtime.NumCPU(), GOMAXPROCS: runtime.GOMAXPROCS(0),
	}
	if diff := cmp.Diff(want, m.Fingerprint()); diff != "" {
		t.Errorf("fingerprint (-want +got):\n%s", diff)
	}
	if lo, hi, ok := m.PortRange(); ok {
		t.Errorf("ports %d to %d, want none", lo, hi)
	}
}

func TestCPUModelIsThatOfTheFirstCPU(t *testing.T) {
	tests := []struct {
		name, text, model string
		hypervisor        bool
	}{
		{"two kinds of core", "model name\t: big\nflags\t\t: fpu\n\nmodel name\t: little\n", "big", false},
		{"ARM has numbers", "processor\t: 0\nCPU implementer\t: 0x41\nCPU part\t: 0xd0c\n\nprocessor\t: 1\n",
			"implementer 0x41 part 0xd0c", false},
		{"flag is a whole word", "model name\t: m\nflags\t\t: nohypervisor hypervisors\n", "m", false},
		{"flag is the last word", "model name\t: m\nflags\t\t: fpu hypervisor\n", "m", true},
		{"empty", "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			model, hypervisor := parseCPUInfo([]byte(tt.text))
			if model != tt.model || hypervisor != tt.hypervisor {
				t.Errorf("got %q %v, want %q %v", model, hypervisor, tt.model, tt.hypervisor)
			}
		})
	}
}

func TestFirmwareTellsVirtualMachinesFromRealOnes(t *testing.T) {
	tests := []struct {
		vendor, product string
		want            bool
	}{
		{"QEMU", "KVM Virtual Machine", true},
		{"Google", "Google Compute Engine", true},
		{"Amazon EC2", "c7g.large", true},
		{"Amazon EC2", "c7g.metal", false},
		{"Microsoft Corporation", "Virtual Machine", true},
		{"Microsoft Corporation", "Surface Laptop", false},
		{"", "", false},
	}
	for _, tt := range tests {
		if got := virtualProduct(tt.vendor, tt.product); got != tt.want {
			t.Errorf("%q %q: virtual %v, want %v", tt.vendor, tt.product, got, tt.want)
		}
	}
}

func TestBuildNamesRevisionAndTheLibraryThatRan(t *testing.T) {
	info := &debug.BuildInfo{
		GoVersion: "go1.26.8",
		Main:      debug.Module{Path: "grpcbench", Version: "v1.2.3"},
		Deps: []*debug.Module{
			{Path: "google.golang.org/grpc/cmd/x", Version: "v9.0.0"},
			{Path: "google.golang.org/grpc", Version: "v1.85.0", Replace: &debug.Module{Version: "v1.86.0"}},
		},
		Settings: []debug.BuildSetting{
			{Key: "vcs.revision", Value: "27e7dc5"}, {Key: "vcs.modified", Value: "true"},
		},
	}
	want := Build{Version: "v1.2.3", Revision: "27e7dc5", Dirty: true, Go: "go1.26.8", GRPCGo: "v1.86.0"}
	if diff := cmp.Diff(want, build(info)); diff != "" {
		t.Errorf("build (-want +got):\n%s", diff)
	}
	if got := Tool().Go; got != runtime.Version() {
		t.Errorf("Go %q, want %q", got, runtime.Version())
	}
}
