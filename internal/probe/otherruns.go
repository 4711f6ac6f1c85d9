package probe

import (
	"debug/buildinfo"
	"os"
	"path/filepath"
	"runtime/debug"
	"slices"
	"strconv"
	"strings"
)

// OtherRuns are the processes of this machine, in ascending order, that measure with this
// program beside the one that calls, whoever built theirs: they are known by the main package
// of their executable and by their command, not by their name. Processes of a run that it has
// started are not among them, nor are those whose executable may not be read.
func (m Machine) OtherRuns() []int {
	own, ok := debug.ReadBuildInfo()
	if !ok {
		return nil
	}
	root := m.Root
	if root == "" {
		root = "/"
	}
	dirs, _ := filepath.Glob(filepath.Join(root, "proc", "[0-9]*")) // the pattern is one
	above := m.ancestors(os.Getpid())
	var others []int
	for _, dir := range dirs {
		pid, err := strconv.Atoi(filepath.Base(dir))
		if err != nil || slices.Contains(above, pid) {
			continue
		}
		line, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !measures(string(line)) {
			continue
		}
		theirs, err := buildinfo.ReadFile(filepath.Join(dir, "exe"))
		if err == nil && theirs.Path == own.Path {
			others = append(others, pid)
		}
	}
	slices.Sort(others)
	return others
}

// measures says whether a command line, as proc(5) has it, is one that loads the machine.
func measures(line string) bool {
	words := strings.Split(line, "\x00")
	return len(words) > 1 && slices.Contains([]string{"run", "handshake", "ceiling", "verify"}, words[1])
}
