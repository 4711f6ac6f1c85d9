//go:build unix

package worker

import (
	"os/exec"
	"syscall"

	"grpcbench/internal/probe"
)

// ownGroup makes cmd the leader of a process group, so that what it starts ends with
// it and an interrupt from the terminal does not reach it.
func ownGroup(cmd *exec.Cmd) { cmd.SysProcAttr = &syscall.SysProcAttr{Setpgid: true} }

// terminateGroup asks all of cmd's group to end. A group that is gone needs no asking.
func terminateGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGTERM) }

// killGroup ends what is left of cmd's group.
func killGroup(cmd *exec.Cmd) { _ = syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }

// terminate asks a process to end, if it is still the one that was found.
func terminate(p probe.Process) {
	if p.Runs() {
		_ = syscall.Kill(p.PID, syscall.SIGTERM) // it may have ended by now
	}
}

// kill ends it.
func kill(p probe.Process) {
	if p.Runs() {
		_ = syscall.Kill(p.PID, syscall.SIGKILL)
	}
}
