package benchserver

import (
	"sync"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	"grpcbench/internal/codec"
	"grpcbench/internal/probe"
	benchv1 "grpcbench/proto/bench/v1"
)

// process reads what this process costs. The zero value is ready.
type process struct {
	mu      sync.Mutex // probe.Runtime is one reader's
	runtime probe.Runtime
}

// snapshot reads the CPU clock first: reading the heap's figures stops the world,
// which is not the measured RPCs' cost.
func (p *process) snapshot() *benchv1.Process {
	p.mu.Lock()
	defer p.mu.Unlock()
	out := &benchv1.Process{}
	if ns, ok := probe.ProcessCPU(); ok {
		cpu := uint64(ns)
		out.CpuNs = &cpu
	}
	p.runtime.Read()
	out.HeapAllocObjects, out.HeapAllocBytes = p.runtime.Allocs()
	cycles, cpu := p.runtime.GC()
	out.GcCycles, out.GcCpuNs = cycles, uint64(cpu)
	return out
}

// codecSnapshot reads the compressors' counters; nil counters have done nothing.
func codecSnapshot(counters *codec.Counters) *benchv1.Codec {
	if counters == nil {
		return &benchv1.Codec{Decompressed: &benchv1.CodecWork{}, Compressed: &benchv1.CodecWork{}}
	}
	c := counters.Snapshot()
	return &benchv1.Codec{Decompressed: codecWork(c.Decompress), Compressed: codecWork(c.Compress)}
}

func codecWork(w codec.Work) *benchv1.CodecWork {
	out := &benchv1.CodecWork{
		Messages:    uint64(w.Messages),
		InputBytes:  uint64(w.BytesIn),
		OutputBytes: uint64(w.BytesOut),
	}
	if d, ok := w.CPU(); ok {
		ns := uint64(d)
		out.CpuNs = &ns
	}
	return out
}

func timestamp(t time.Time) *timestamppb.Timestamp { return timestamppb.New(t) }
