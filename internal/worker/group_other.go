//go:build !unix

package worker

import (
	"os/exec"

	"grpcbench/internal/probe"
)

// ownGroup does nothing: there are no process groups.
func ownGroup(*exec.Cmd) {}

// terminateGroup does nothing: there is no signal to ask by.
func terminateGroup(*exec.Cmd) {}

// killGroup ends cmd. What it started lives on.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }

// terminate does nothing: no process is found.
func terminate(probe.Process) {}

// kill does nothing.
func kill(probe.Process) {}
