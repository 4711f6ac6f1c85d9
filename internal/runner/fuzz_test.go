package runner

import (
	"encoding/json"
	"testing"
	"time"

	"grpcbench/internal/compare"
	"grpcbench/internal/plan"
	"grpcbench/internal/worker"
)

// told is all that the processes of an arm tell in one epoch.
type told struct {
	Connected []worker.Connected
	Measured  worker.Measured
	Server    [2]*worker.Reading
	Saturated *worker.Saturated
	SatServer [2]*worker.Reading
	Finished  worker.Finished
	Snapshot  *worker.Snapshot
}

// FuzzAnswers checks that whatever the children answer, there is a result that
// says what is wrong with it, or an error.
func FuzzAnswers(f *testing.F) {
	for _, seed := range []string{
		`{}`, `{"Measured":{"ledger":{"scheduled":3,"started":3,"ok":2},"intervals":[{}],"latency":{"hdr":"HISTFAAAAA=="},"elapsed_ns":-1,"cpus":0,"cpu_ns":5}}`,
		`{"Connected":[{"tcp_ns":-9,"cpu_ns":1,"link":{"resumed":true}}],"Finished":{"links":[{},{"local":"a"}],"total":{"failed":{"X":-1}}}}`,
		`{"Server":[{"cpu_ns":9},{"cpu_ns":1}],"Saturated":{"calls":0,"cpu_ns":1},"SatServer":[null,{}],"Snapshot":{"rpcs":{"started":"18446744073709551615"}}}`,
	} {
		f.Add([]byte(seed), []byte(seed))
	}
	f.Fuzz(func(t *testing.T, first, second []byte) {
		r := &run{began: time.Now(), created: time.Now(), plan: plan.Plan{
			Window: time.Second, Saturated: 100 * time.Millisecond, Epochs: plan.Epochs{Min: 1, Max: 2},
			Load: plan.Load{Rate: 10, Arrival: plan.Poisson, Loop: plan.Open},
			Arms: []plan.Arm{{Name: "a"}, {Name: "b"}}, Groups: []plan.Group{{Name: "g", Control: "a", Arms: []string{"a", "b"}}},
		}}
		e := &epoch{}
		for i, data := range [][]byte{first, second} {
			var of told
			if json.Unmarshal(data, &of) != nil {
				return
			}
			a := &armEpoch{arm: r.plan.Arms[i], book: newBook(), measured: &of.Measured, server: of.Server, saturated: of.Saturated, satServer: of.SatServer, finished: &of.Finished}
			for _, c := range of.Connected {
				a.connected = append(a.connected, connection{Connected: c})
			}
			if of.Snapshot != nil {
				a.host, a.snapshot = &process{}, of.Snapshot.SnapshotResponse
			}
			e.arms = append(e.arms, a)
		}
		if r.finish(e) != nil {
			return
		}
		made, err := r.result(nil, "")
		if err != nil {
			return
		}
		compare.Judge(made)
		if made.Verdict == "" {
			t.Error("no verdict")
		}
	})
}
