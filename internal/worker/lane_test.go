package worker

import (
	"os"
	"testing"

	"grpcbench/testing/lane"
)

// TestMain fails the fast lane if it starts a process.
func TestMain(m *testing.M) { os.Exit(lane.Main(m, os.Stderr)) }
