package result

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// at is when the drafts of tests begin.
var at = time.Date(2026, 11, 23, 18, 15, 0, 0, time.UTC)

func beginDraft(t *testing.T, dir string) *Draft {
	t.Helper()
	d, err := Begin(dir, at)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = d.Close() }) // those that tests end themselves are closed already
	return d
}

// of is the result of a draft's run that has finished n epochs of ten.
func of(t *testing.T, d *Draft, n int) Result {
	t.Helper()
	r := partial(t, n)
	r.ID = d.ID()
	return r
}

// partial is the fixture after n of its epochs, as of a run that ended then.
func partial(t *testing.T, n int) Result {
	t.Helper()
	r := buildFixture(t, n)
	r.Unfinished = n < fixtureEpochs
	Examine(&r)
	return r
}

// die gives up a draft as the kernel does when its process is killed.
func die(t *testing.T, d *Draft) {
	t.Helper()
	if err := d.holder.Close(); err != nil {
		t.Fatal(err)
	}
}

// beside is a render function that makes the given files.
func beside(files ...File) Render {
	return func(Result) ([]File, error) { return files, nil }
}

// judged is all that is made of a fixture, whose arms have their figures.
func judged(r *Result) error {
	Examine(r)
	return nil
}

func recoverAll(t *testing.T, dir string, want ...string) {
	t.Helper()
	got, err := Recover(dir, judged, nil)
	if err != nil || !slices.Equal(got, want) {
		t.Errorf("recovered %v (%v), want %v", got, err, want)
	}
}

func wantListed(t *testing.T, dir string, want ...string) {
	t.Helper()
	if got := listed(t, dir); !slices.Equal(got, want) {
		t.Errorf("%s holds %v, want %v", dir, got, want)
	}
}

func TestBeginMakesTheDirectoryAndCloseLeavesNothingInIt(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "a", "results")
	d := beginDraft(t, dir)
	wantListed(t, dir, ".running-"+d.ID())
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	wantListed(t, dir)
}

func TestBeginRefusesAPlaceThatCannotBeWritten(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	dangling := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(filepath.Join(t.TempDir(), "gone"), dangling); err != nil {
		t.Fatal(err)
	}
	for _, dir := range []string{file, filepath.Join(file, "results"), dangling, "/proc/self/results"} {
		if _, err := Begin(dir, at); err == nil || !strings.Contains(err.Error(), "write results directory: ") {
			t.Errorf("%s: error %v, want one that says what could not be written", dir, err)
		}
	}
}

func TestALinkToADirectoryIsADirectoryOfResults(t *testing.T) {
	dir, link := t.TempDir(), filepath.Join(t.TempDir(), "results")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	r := examined(t)
	if _, err := Write(link, r); err != nil {
		t.Fatal(err)
	}
	wantListed(t, dir, r.ID)
}

// TestWhatADeadRunHadFinishedIsItsResult: the highest checkpoint becomes the
// result, and nothing else of the run stays.
//
//	fault:   run killed between two epochs (its lock is given back)
//	promise: what it had finished is a PARTIAL result that says so
//	figure:  2 of 10 epochs kept; nothing else left
func TestWhatADeadRunHadFinishedIsItsResult(t *testing.T) {
	dir := t.TempDir()
	d := beginDraft(t, dir)
	for n := range 2 {
		if err := d.Save(of(t, d, n+1)); err != nil {
			t.Fatal(err)
		}
	}
	wantListed(t, d.place(), "2", "lock")
	wantListed(t, d.checkpoint(2), "latency.hlog", "result.json")
	die(t, d)
	if ids, err := Recover(dir, judged, beside(File{"report.md", []byte("# so far\n")})); err != nil || !slices.Equal(ids, []string{d.ID()}) {
		t.Errorf("recovered %v (%v), want %s", ids, err, d.ID())
	}
	wantListed(t, dir, d.ID())
	wantListed(t, filepath.Join(dir, d.ID()), "latency.hlog", "report.md", "result.json")
	r, err := Read(dir, d.ID())
	if err != nil {
		t.Fatal(err)
	}
	if err := Recheck(r); err != nil {
		t.Error(err)
	}
	i := slices.IndexFunc(r.Warnings, func(w Warning) bool { return w.Code == "unfinished" })
	if r.Verdict != Partial || i < 0 || r.Warnings[i].Values["epochs"] != 2 {
		t.Errorf("verdict %s, warnings %+v, want PARTIAL and unfinished after 2 epochs", r.Verdict, r.Warnings)
	}
	recoverAll(t, dir)
}

// TestWhatIsRenderedWasReadBack: a report of what a process had in its memory can say
// what the stored result does not.
func TestWhatIsRenderedWasReadBack(t *testing.T) {
	dir := t.TempDir()
	var rendered Result
	render := func(r Result) ([]File, error) { rendered = r; return nil, nil }
	d, dead := beginDraft(t, dir), beginDraft(t, dir)
	if err := dead.Save(of(t, dead, 1)); err != nil {
		t.Fatal(err)
	}
	die(t, dead)
	r := of(t, d, fixtureEpochs)
	r.Plan.Gates.Defaulted = true // which no file holds
	if _, err := d.Publish(r, render); err != nil {
		t.Fatal(err)
	}
	wantRendered(t, rendered, dir, d.ID())
	if _, err := Recover(dir, judged, render); err != nil {
		t.Fatal(err)
	}
	wantRendered(t, rendered, dir, dead.ID())
}

func wantRendered(t *testing.T, rendered Result, dir, id string) {
	t.Helper()
	r, err := Read(dir, id)
	if err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(r, rendered) {
		t.Errorf("%s: rendered was result %q, gates %+v, which is not what is on the disk", id, rendered.ID, rendered.Plan.Gates)
	}
}

// TestARecoveryThatCannotRenderIsTriedAgain: whole or not at all, and nothing is lost.
//
//	fault:   the recovery of a dead run cannot make or write its reports, or is killed while it does
//	promise: an error, no result without them; the next recovery has both
//	figure:  3 of 3 causes
func TestARecoveryThatCannotRenderIsTriedAgain(t *testing.T) {
	whole := beside(File{"report.html", []byte("<html>")}, File{"report.md", []byte("# whole\n")})
	for name, first := range map[string]Render{
		"not made":    func(Result) ([]File, error) { return nil, errors.New("no report") },
		"not written": beside(File{"report.md", []byte("# ha")}, File{"report.md", nil}),
		"killed":      nil,
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := beginDraft(t, dir)
			if err := d.Save(of(t, d, 1)); err != nil {
				t.Fatal(err)
			}
			die(t, d)
			if first == nil {
				if err := os.WriteFile(filepath.Join(d.checkpoint(1), "report.md"), []byte("# ha"), 0o600); err != nil {
					t.Fatal(err)
				}
			} else if ids, err := Recover(dir, judged, first); len(ids) > 0 || err == nil || !strings.Contains(err.Error(), "recover result "+d.ID()) {
				t.Errorf("recovered %v (%v), want an error that names the run", ids, err)
			}
			wantListed(t, dir, ".running-"+d.ID())
			if ids, err := Recover(dir, judged, whole); err != nil || !slices.Equal(ids, []string{d.ID()}) {
				t.Errorf("recovered %v (%v), want %s", ids, err, d.ID())
			}
			wantListed(t, filepath.Join(dir, d.ID()), "latency.hlog", "report.html", "report.md", "result.json")
			if md, err := os.ReadFile(filepath.Join(dir, d.ID(), "report.md")); err != nil || string(md) != "# whole\n" {
				t.Errorf("report.md: %q (%v), want the whole one", md, err)
			}
		})
	}
}

func TestARunThatStillGoesOnIsLeftAlone(t *testing.T) {
	dir := t.TempDir()
	d := beginDraft(t, dir)
	if err := d.Save(of(t, d, 1)); err != nil {
		t.Fatal(err)
	}
	recoverAll(t, dir)
	if _, err := d.Publish(of(t, d, fixtureEpochs), nil); err != nil {
		t.Fatal(err)
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	wantListed(t, dir, d.ID())
}

func TestARunThatDiedBeforeItsFirstCheckpointLeavesNothing(t *testing.T) {
	for name, half := range map[string]func(t *testing.T, d *Draft) error{
		"with its lock": func(*testing.T, *Draft) error { return nil },
		"without it":    func(_ *testing.T, d *Draft) error { return os.Remove(d.holder.Name()) },
		"while writing": func(t *testing.T, d *Draft) error {
			return errors.Join(os.Mkdir(filepath.Join(d.place(), nextName), 0o700),
				os.WriteFile(filepath.Join(d.place(), nextName, FileName), []byte("{"), 0o600))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			d := beginDraft(t, dir)
			if err := half(t, d); err != nil {
				t.Fatal(err)
			}
			die(t, d)
			recoverAll(t, dir)
			wantListed(t, dir)
		})
	}
}

func TestARunThatDiedAfterItStoredItsResultKeepsThatOne(t *testing.T) {
	dir := t.TempDir()
	d := beginDraft(t, dir)
	if err := d.Save(of(t, d, 9)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Publish(of(t, d, fixtureEpochs), nil); err != nil {
		t.Fatal(err)
	}
	die(t, d)
	recoverAll(t, dir)
	wantListed(t, dir, d.ID())
	if r, err := Read(dir, d.ID()); err != nil || r.Verdict != Valid {
		t.Errorf("verdict %s (%v), want that of the whole result, VALID", r.Verdict, err)
	}
}

func TestWhatWasSavedOutlivesAResultThatCouldNotBeStored(t *testing.T) {
	dir := t.TempDir()
	d := beginDraft(t, dir)
	if err := d.Save(of(t, d, 9)); err != nil {
		t.Fatal(err)
	}
	if _, err := d.Publish(of(t, d, fixtureEpochs), beside(File{Name: FileName})); err == nil {
		t.Fatal("a file given twice was stored")
	}
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	recoverAll(t, dir, d.ID())
}

// TestACheckpointThatCannotBeReadIsKeptAndNamed: nothing is thrown away in
// silence, and others are recovered.
//
//	fault:   checkpoint of a dead run damaged on the disk
//	promise: an error names it, it is kept aside, others are recovered
//	figure:  1 flipped bit; 1 of 2 runs recovered
func TestACheckpointThatCannotBeReadIsKeptAndNamed(t *testing.T) {
	dir := t.TempDir()
	damaged, other := beginDraft(t, dir), beginDraft(t, dir)
	for _, d := range []*Draft{damaged, other} {
		if err := d.Save(of(t, d, 1)); err != nil {
			t.Fatal(err)
		}
		die(t, d)
	}
	flip(t, filepath.Join(damaged.checkpoint(1), FileName), 5000)
	ids, err := Recover(dir, judged, nil)
	if !slices.Equal(ids, []string{other.ID()}) || err == nil || !strings.Contains(err.Error(), "kept as .broken-"+damaged.ID()) {
		t.Errorf("recovered %v (%v), want the other and an error that names the damaged one", ids, err)
	}
	wantListed(t, dir, ".broken-"+damaged.ID(), other.ID())
}

// flip turns over one bit of a file.
func flip(t *testing.T, path string, at int) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	data[at] ^= 1
	if err := os.WriteFile(path, data, 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestManyRunsWriteAndRecoverAtOnce: places are made and cleared by all of them in
// one directory.
//
//	fault:   many runs write at once while others clear away dead ones
//	promise: every result is there and whole; no live run loses its place
//	figure:  {writers} × {rounds} results, each id once; {rounds} dead runs recovered
func TestManyRunsWriteAndRecoverAtOnce(t *testing.T) {
	const writers, rounds = 4, 5
	dir := t.TempDir()
	r := partial(t, 1) // shared: only its id differs
	var wg sync.WaitGroup
	for w := range writers {
		wg.Go(func() {
			for k := range rounds {
				if err := oneRun(dir, r, w == 0); err != nil {
					t.Errorf("writer %d, round %d: %v", w, k, err)
				}
			}
		})
	}
	wg.Wait()
	if _, err := Recover(dir, judged, nil); err != nil {
		t.Error(err)
	}
	ids := listed(t, dir)
	if len(ids) != writers*rounds {
		t.Errorf("%d results, want %d: %v", len(ids), writers*rounds, ids)
	}
	for _, id := range ids {
		if r, err := Read(dir, id); err != nil || r.ID != id {
			t.Errorf("%s: %v", id, err)
		}
	}
}

// oneRun begins, recovers others, saves and publishes, or dies after it saved.
func oneRun(dir string, r Result, dies bool) error {
	d, err := Begin(dir, at)
	if err != nil {
		return err
	}
	if _, err := Recover(dir, judged, nil); err != nil {
		return err
	}
	r.ID = d.ID()
	if err := d.Save(r); err != nil {
		return err
	}
	if dies {
		return d.holder.Close()
	}
	_, err = d.Publish(r, nil)
	return errors.Join(err, d.Close())
}

func TestRecoverOfNoDirectoryOrOneWithoutRunsDoesNothing(t *testing.T) {
	dir := t.TempDir()
	recoverAll(t, filepath.Join(dir, "none"))
	if err := os.Mkdir(filepath.Join(dir, runningName+"not-an-id"), 0o700); err != nil {
		t.Fatal(err)
	}
	recoverAll(t, dir)
	wantListed(t, dir, runningName+"not-an-id")
}

func TestADraftTakesItsOwnResultOnly(t *testing.T) {
	dir := t.TempDir()
	d := beginDraft(t, dir)
	r := of(t, d, 1)
	r.ID = NewID(at)
	if err := d.Save(r); err == nil {
		t.Error("saved the result of another run")
	}
	if _, err := d.Publish(r, nil); err == nil {
		t.Error("stored the result of another run")
	}
	if _, err := os.Stat(filepath.Join(dir, r.ID)); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("the other's result: %v", err)
	}
}

// Of equal seconds 2^40 ids are possible: 10 000 hold a pair in one of 22 000 tries.
func TestIDsOfOneSecondAreDifferent(t *testing.T) {
	seen := map[string]bool{}
	for range 10_000 {
		id := NewID(at)
		if seen[id] || !IsID(id) {
			t.Fatalf("id %s: must be one of its own", id)
		}
		seen[id] = true
	}
}
