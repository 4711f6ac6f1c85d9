package probe

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestStatRefusesWhatItCannotAccountFor(t *testing.T) {
	tests := []struct {
		name, text string
		want       cpuTimes
		ok         bool
	}{
		// idle 4 and iowait 5 are 9 ticks, steal is the eighth column.
		{"all columns", "cpu 1 2 3 4 5 6 7 8 9 10\ncpu0 1 2 3 4 5 6 7 8 9 10\n",
			cpuTimes{idle: 90 * time.Millisecond, steal: 80 * time.Millisecond, cpus: 1}, true},
		{"kernel without guest columns", "cpu 2 3 4 5 6 7 8 9\ncpu0 1 2 3 4 5 6 7 8\ncpu1 1 1 1 1 1 1 1 1\nintr 9\n",
			cpuTimes{idle: 110 * time.Millisecond, steal: 90 * time.Millisecond, cpus: 2}, true},
		{"a CPU cut short", "cpu 1 2 3 4 5 6 7 8\ncpu0 1 2 3 4 5 6 7 8\ncpu1 0\n", cpuTimes{}, false},
		{"kernel without steal", "cpu 1 2 3 4 5 6 7\ncpu0 1 2 3 4 5 6 7\n", cpuTimes{}, false},
		{"no single CPU", "cpu 1 2 3 4 5 6 7 8\n", cpuTimes{}, false},
		{"negative", "cpu 1 2 3 4 5 6 7 -8\ncpu0 1 2 3 4 5 6 7 -8\n", cpuTimes{}, false},
		{"empty", "", cpuTimes{}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			got, ok := parseStat([]byte(tt.text), nil)
			if got != tt.want || ok != tt.ok {
				t.Errorf("got %+v %v, want %+v %v", got, ok, tt.want, tt.ok)
			}
		})
	}
}

// A process that is pinned has nothing of the CPUs that it may not use.
func TestStatIsOfTheUsableCPUs(t *testing.T) {
	const text = "cpu 3 3 3 30 3 3 3 3\ncpu0 1 1 1 10 1 1 1 1\ncpu1 1 1 1 2 2 1 1 2\ncpu10 1 1 1 18 0 1 1 0\n"
	want := cpuTimes{idle: 40 * time.Millisecond, steal: 20 * time.Millisecond, cpus: 1}
	if got, ok := parseStat([]byte(text), map[int]bool{1: true, 7: true}); !ok || got != want {
		t.Errorf("got %+v %v, want %+v", got, ok, want)
	}
	if got, ok := parseStat([]byte(text), map[int]bool{}); ok {
		t.Errorf("got %+v of no CPU", got)
	}
}

func TestCgroupPathIsThatOfTheCPUController(t *testing.T) {
	tests := []struct {
		name, text, own string
		v1, ok          bool
	}{
		{"version 2", "0::/app.slice\n", "/app.slice", false, true},
		{"version 1", "4:memory:/m\n3:cpuacct:/a\n2:cpu:/jobs/7\n", "/jobs/7", true, true},
		{"version 1 joined", "3:cpu,cpuacct:/docker/ab\n0::/x\n", "/docker/ab", true, true},
		{"both, CPU in version 1", "0::/unified\n1:cpu:/legacy\n", "/legacy", true, true},
		{"both, CPU in version 2", "1:name=systemd:/s\n0::/unified\n", "/unified", false, true},
		{"path with colons", "0::/a:b:c\n", "/a:b:c", false, true},
		{"other controllers alone", "3:cpuset:/x\n2:cpuacct:/y\n", "", false, false},
		{"empty", "", "", false, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			own, v1, ok := parseCgroup([]byte(tt.text))
			if own != tt.own || v1 != tt.v1 || ok != tt.ok {
				t.Errorf("got %q %v %v, want %q %v %v", own, v1, ok, tt.own, tt.v1, tt.ok)
			}
		})
	}
}

func TestMountOfTheCPUControllerIsFound(t *testing.T) {
	const both = `31 23 0:28 / /sys/fs/cgroup rw - tmpfs tmpfs rw,mode=755
32 31 0:29 /docker/ab /sys/fs/cgroup/cpu,cpuacct rw shared:9 - cgroup cgroup rw,cpu,cpuacct
34 31 0:31 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
41 31 0:38 / /mnt/my\040groups rw,relatime master:3 shared:5 - cgroup2 cgroup2 rw
`
	tests := []struct {
		name, text  string
		v1          bool
		root, point string
		ok          bool
	}{
		{"version 1", both, true, "/docker/ab", "/sys/fs/cgroup/cpu,cpuacct", true},
		{"version 2, escaped", both, false, "/", "/mnt/my groups", true},
		{"not mounted", "22 1 254:0 / / rw - ext4 /dev/vda rw\n", false, "", "", false},
		{"cut short", "41 31 0:38 / - cgroup2\n", false, "", "", false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			root, point, ok := parseMountinfo([]byte(tt.text), tt.v1)
			if root != tt.root || point != tt.point || ok != tt.ok {
				t.Errorf("got %q %q %v, want %q %q %v", root, point, ok, tt.root, tt.point, tt.ok)
			}
		})
	}
}

func TestEveryVisibleLevelOfACgroupIsRead(t *testing.T) {
	tests := []struct {
		name, root, point, own string
		want                   []string
	}{
		{"on the host", "/", "/cg", "/a/b", []string{"/cg/a/b", "/cg/a", "/cg"}},
		{"the root itself", "/", "/cg", "/", []string{"/cg"}},
		{"container sees itself only", "/docker/ab", "/cg", "/docker/ab", []string{"/cg"}},
		{"below a container's root", "/docker/ab", "/cg", "/docker/ab/x", []string{"/cg/x", "/cg"}},
		{"outside of the mount", "/docker/ab", "/cg", "/docker/abc", []string{"/cg"}},
		{"above the namespace", "/", "/cg", "/../../x", []string{"/cg/x", "/cg"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			if got := levels(tt.root, tt.point, tt.own); !slices.Equal(got, tt.want) {
				t.Errorf("got %q, want %q", got, tt.want)
			}
		})
	}
}

func TestQuotaIsInCPUs(t *testing.T) {
	tests := []struct {
		text    string
		cpus    float64
		limited bool
	}{
		{"150000 100000", 1.5, true},
		{"50000 100000", 0.5, true},
		{"max 100000", 0, false},
		{"-1 100000", 0, false},
		{"100000 0", 0, false},
		{" ", 0, false},
	}
	for _, tt := range tests {
		if cpus, limited := parseQuota(tt.text); cpus != tt.cpus || limited != tt.limited {
			t.Errorf("quota %q: got %v %v, want %v %v", tt.text, cpus, limited, tt.cpus, tt.limited)
		}
	}
}

func TestThrottledTimeHasTheUnitOfItsVersion(t *testing.T) {
	tests := []struct {
		text string
		want time.Duration
		ok   bool
	}{
		{"nr_throttled 3\nthrottled_usec 2500\n", 2500 * time.Microsecond, true},
		{"nr_throttled 3\nthrottled_time 2500\n", 2500, true},
		{"usage_usec 1\n", 0, false}, // the root of version 2 cannot be throttled
	}
	for _, tt := range tests {
		if got, ok := parseThrottled([]byte(tt.text)); got != tt.want || ok != tt.ok {
			t.Errorf("stat %q: got %v %v, want %v %v", tt.text, got, ok, tt.want, tt.ok)
		}
	}
}

func TestVersion1CgroupIsReadAtAllItsLevels(t *testing.T) {
	m := Machine{Root: t.TempDir()}
	write(t, m, "proc/self/cgroup", "1:cpu:/jobs/7\n")
	write(t, m, "proc/self/mountinfo", "32 31 0:29 / /cg/cpu rw - cgroup cgroup rw,cpu\n")
	for dir, files := range map[string][3]string{ // quota, period, cpu.stat
		"cg/cpu/jobs/7": {"300000\n", "100000\n", "nr_throttled 1\nthrottled_time 7000000\n"},
		"cg/cpu/jobs":   {"50000\n", "25000\n", "nr_throttled 1\nthrottled_time 2000000\n"},
		"cg/cpu":        {"-1\n", "100000\n", "nr_throttled 0\nthrottled_time 0\n"},
	} {
		write(t, m, dir+"/cpu.cfs_quota_us", files[0])
		write(t, m, dir+"/cpu.cfs_period_us", files[1])
		write(t, m, dir+"/cpu.stat", files[2])
	}
	c := m.cgroup()
	if got, want := c.quota(), 2.0; got != want { // min(300/100, 50/25)
		t.Errorf("quota %v CPUs, want %v", got, want)
	}
	if diff := cmp.Diff(new(9*time.Millisecond), c.throttled()); diff != "" {
		t.Errorf("throttled (-want +got):\n%s", diff)
	}
}

func TestResidentPagesAreTheSecondField(t *testing.T) {
	if pages, ok := parseStatm([]byte("5000 321 200 10 0 900 0\n")); pages != 321 || !ok {
		t.Errorf("got %d %v, want 321 true", pages, ok)
	}
	for _, text := range []string{"", "5000", "5000 x", "5000 -1"} {
		if pages, ok := parseStatm([]byte(text)); ok {
			t.Errorf("statm %q: got %d, want none", text, pages)
		}
	}
}

func TestMeminfoIsInBytesAndItsNamesAreWhole(t *testing.T) {
	b := []byte("MemTotalish: 9 kB\nMemTotal:       2 kB\nHugePages_Total: 7\nBad: x kB\n")
	if diff := cmp.Diff(new(int64(2048)), parseMeminfo(b, "MemTotal")); diff != "" {
		t.Errorf("MemTotal (-want +got):\n%s", diff)
	}
	for _, name := range []string{"HugePages_Total", "Bad", "MemAvailable"} {
		if got := parseMeminfo(b, name); got != nil {
			t.Errorf("%s: got %d, want none", name, *got)
		}
	}
}

func TestPortRangeMustBeARange(t *testing.T) {
	tests := []struct {
		text   string
		lo, hi int
		ok     bool
	}{
		{"32768\t60999\n", 32768, 60999, true},
		{"1024 1024", 1024, 1024, true},
		{"60999 32768", 0, 0, false},
		{"1 65536", 0, 0, false},
		{"1", 0, 0, false},
	}
	for _, tt := range tests {
		if lo, hi, ok := parsePortRange([]byte(tt.text)); lo != tt.lo || hi != tt.hi || ok != tt.ok {
			t.Errorf("range %q: got %d %d %v, want %d %d %v", tt.text, lo, hi, ok, tt.lo, tt.hi, tt.ok)
		}
	}
}

// FuzzParsers gives every parser any bytes: none may panic, and what is accepted
// must be a possible fact.
func FuzzParsers(f *testing.F) {
	for _, path := range []string{
		"proc/stat", "proc/meminfo", "proc/cpuinfo", "proc/self/cgroup", "proc/self/mountinfo",
		"sys/fs/cgroup/app.slice/cpu.max", "sys/fs/cgroup/app.slice/cpu.stat",
	} {
		b, err := os.ReadFile("testdata/end/" + path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(b)
	}
	f.Add([]byte("cpu 0 0 0 274877906943 274877906943 0 0 0\ncpu0"))
	f.Add([]byte("throttled_usec 99999999999999999999"))
	f.Fuzz(func(t *testing.T, b []byte) {
		if s, ok := parseStat(b, nil); ok && (s.idle < 0 || s.steal < 0 || s.cpus < 1) {
			t.Errorf("stat %+v: must not be negative", s)
		}
		if size := parseMeminfo(b, "MemTotal"); size != nil && *size < 0 {
			t.Errorf("memory %d: must not be negative", *size)
		}
		if pages, ok := parseStatm(b); ok && pages<<16 < 0 { // 64 KiB is the largest page
			t.Errorf("pages %d: bytes must not overflow", pages)
		}
		if cpus, limited := parseQuota(string(b)); limited && !(cpus > 0) {
			t.Errorf("quota %v: must be > 0", cpus)
		}
		if d, ok := parseThrottled(b); ok && d < 0 {
			t.Errorf("throttled %v: must not be negative", d)
		}
		if lo, hi, ok := parsePortRange(b); ok && (lo < 0 || hi < lo || hi > 65535) {
			t.Errorf("ports %d to %d: must be a range", lo, hi)
		}
		if own, _, ok := parseCgroup(b); ok {
			root, point, _ := parseMountinfo(b, false)
			for _, dir := range levels(root, "/cg"+point, own) {
				if !strings.HasPrefix(dir, "/cg") {
					t.Errorf("level %q: must be inside the mount", dir)
				}
			}
		}
		_, _ = parseCPUInfo(b)
	})
}
