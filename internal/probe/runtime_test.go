package probe

import (
	"runtime"
	"testing"
)

// kept keeps a test's objects on the heap.
type kept struct{ objects [][]byte }

// Other goroutines of the test binary may allocate meanwhile, so the counts are
// bounded above by 2 % and not exact; the counters of runtime/metrics miss by that
// much and more on the other side.
func TestAllocationsAreCountedOneByOne(t *testing.T) {
	const n, size = 1000, 1024
	var k kept
	k.objects = make([][]byte, n)
	var r Runtime
	r.Read()
	objects0, bytes0 := r.Allocs()
	for i := range k.objects {
		k.objects[i] = make([]byte, size)
	}
	r.Read()
	objects1, bytes1 := r.Allocs()
	runtime.KeepAlive(&k)
	if got := objects1 - objects0; got < n || got > n+n/50 {
		t.Errorf("%d objects, want %d", got, n)
	}
	if got := bytes1 - bytes0; got < n*size || got > n*size+n*size/50 {
		t.Errorf("%d bytes, want %d", got, n*size)
	}
}

func TestCollectionsAreCounted(t *testing.T) {
	var r Runtime
	if cycles, cpu := r.GC(); cycles != 0 || cpu != 0 {
		t.Errorf("before the first Read %d cycles in %v, want none", cycles, cpu)
	}
	r.Read()
	cycles0, cpu0 := r.GC()
	runtime.GC()
	r.Read()
	cycles1, cpu1 := r.GC()
	if cycles1 <= cycles0 {
		t.Errorf("%d cycles after %d, want more", cycles1, cycles0)
	}
	if cpu1 <= cpu0 {
		t.Errorf("%v of CPU after %v, want more", cpu1, cpu0)
	}
}

func TestReadingTheRuntimeAllocatesNothing(t *testing.T) {
	var r Runtime
	r.Read()
	if got := testing.AllocsPerRun(10, r.Read); got != 0 {
		t.Errorf("%v allocations, want 0", got)
	}
}
