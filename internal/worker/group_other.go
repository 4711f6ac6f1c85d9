//go:build !unix

package worker

import "os/exec"

// ownGroup does nothing: there are no process groups.
func ownGroup(*exec.Cmd) {}

// terminateGroup does nothing: there is no signal to ask by.
func terminateGroup(*exec.Cmd) {}

// killGroup ends cmd. What it started lives on.
func killGroup(cmd *exec.Cmd) { _ = cmd.Process.Kill() }
