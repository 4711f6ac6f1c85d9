package runner

import (
	"testing"
	"time"

	"grpcbench/internal/worker"
)

// Two processors busy for the whole second are all there is, whatever GOMAXPROCS
// has room for.
func TestAGeneratorThatUsesEveryProcessorUsesAllOfItsShare(t *testing.T) {
	cpu := int64(2 * time.Second)
	m := &worker.Measured{Window: time.Second, CPU: &cpu, Elapsed: time.Second, CPUs: 2, GOMAXPROCS: 3}
	if got := generatorHealth([]*worker.Measured{m}).CPUShare; got != 1 {
		t.Errorf("share %v, want 1", got)
	}
}
