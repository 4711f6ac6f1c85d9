package worker

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"strings"
	"syscall"
)

// unstarted is err, with which a program that is there could not be started. To the
// system there is "no such file" also where the interpreter of a script is missing, or the
// loader of a program.
func unstarted(path string, err error) error {
	if !errors.Is(err, syscall.ENOENT) {
		return err
	}
	f, openErr := os.Open(path)
	if openErr != nil {
		return err
	}
	defer f.Close()
	line, readErr := bufio.NewReader(io.LimitReader(f, 256)).ReadString('\n')
	after, script := strings.CutPrefix(line, "#!")
	if readErr != nil && readErr != io.EOF || !script {
		return fmt.Errorf("the file is there, but not the loader or interpreter that it needs: %w", err)
	}
	interpreter, _, _ := strings.Cut(strings.Trim(after, " \t\n"), " ")
	return fmt.Errorf("the interpreter %q, which its first line names, does not exist: %w", interpreter, syscall.ENOENT)
}

// onStandardError is what to do if the program printed its address there; "": it did not.
func (c *command) onStandardError() string {
	for line := range strings.Lines(c.stderr.String()) {
		at := strings.Replace(strings.TrimSpace(line), "localhost:", "127.0.0.1:", 1)
		if to, err := netip.ParseAddrPort(at); err == nil && to.Port() > 0 {
			return " (its address is on standard error: print it on standard output)"
		}
	}
	return ""
}
