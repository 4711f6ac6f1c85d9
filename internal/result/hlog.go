package result

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"time"

	"grpcbench/internal/hist"
)

// logLine is one interval of one histogram.
type logLine struct {
	tag        string
	start, end time.Time
	hist.Encoded
}

// writeLog writes the windows' histograms as an HdrHistogram log of format
// version 1.3 (V2 encoding, HdrHistogram wiki "V2-Log-Encoding"), readable by
// HdrHistogram's own tools: one tag an arm and kind, absolute times in seconds
// since 1970, lines in the order of time.
//
// The library's own writer is not used: it cuts StartTime to whole seconds and
// decodes and encodes every histogram again.
func writeLog(w io.Writer, r Result) error {
	lines, err := logLines(r)
	if err != nil {
		return err
	}
	start := r.Created
	if len(lines) > 0 {
		start = lines[0].start
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, "#[grpc-bench %s: times in ns, maxima in ms]\n", r.ID)
	fmt.Fprintf(&b, "#[Histogram log format version 1.3]\n")
	// Readers take a missing base time, or a start time after the first line, for
	// a sign that the times are relative.
	fmt.Fprintf(&b, "#[BaseTime: 0.000 (seconds since epoch)]\n")
	fmt.Fprintf(&b, "#[StartTime: %s (seconds since epoch), %s]\n", unixSeconds(start), start.UTC().Format(time.RFC3339))
	fmt.Fprintf(&b, "\"StartTimestamp\",\"Interval_Length\",\"Interval_Max\",\"Interval_Compressed_Histogram\"\n")
	for _, l := range lines {
		fmt.Fprintf(&b, "Tag=%s,%s,%.3f,%.6f,%s\n",
			l.tag, unixSeconds(l.start), l.end.Sub(l.start).Seconds(), float64(l.Max)/1e6, l.HDR.Text())
	}
	_, err = w.Write(b.Bytes())
	return err
}

// unixSeconds prints t to the millisecond, always rounded down, so that no line
// seems to start before the log.
func unixSeconds(t time.Time) string {
	ms := t.UnixMilli()
	return fmt.Sprintf("%d.%03d", ms/1000, ms%1000)
}

// logLines are the lines of all arms, in the order of time. Windows without a
// histogram have none.
func logLines(r Result) ([]logLine, error) {
	var lines []logLine
	tags := Tags(r.Arms)
	for i, a := range r.Arms {
		for _, w := range a.Windows {
			k := slices.IndexFunc(a.Epochs, func(e Epoch) bool { return e.Index == w.Epoch })
			if k < 0 {
				return nil, errors.New("window of an epoch that the arm does not have")
			}
			start := a.Epochs[k].Start.Add(time.Duration(w.Start))
			length := r.secondLength(&a, w)
			for _, h := range []struct {
				kind string
				hist.Encoded
			}{{"latency", w.Latency}, {"service_time", w.Service}, {"lag", w.Lag}} {
				if len(h.HDR) > 0 {
					lines = append(lines, logLine{tags[i] + "." + h.kind, start, start.Add(length), h.Encoded})
				}
			}
		}
	}
	for i, a := range r.Arms {
		for _, e := range a.Epochs {
			if h := e.Handshake.Measured(); h != nil && h.Phases != nil && h.Sums != nil && h.Sums.Total.Count > 0 {
				lines = append(lines, logLine{tags[i] + ".handshake", e.Start, e.Start.Add(e.Took), h.Sums.Total})
			}
		}
	}
	slices.SortStableFunc(lines, func(a, b logLine) int {
		return a.start.Compare(b.start)
	})
	return lines, nil
}

// longestTag keeps a line of a log or of benchmarks short enough for its readers.
const longestTag = 200

// Tags are the arms' names with what a tag of a log or the name of a benchmark
// cannot hold, anything but A–Z a–z 0–9 _ . = -, replaced by "_", and cut at 200
// characters. Names that become equal are numbered from the second on.
func Tags(arms []Arm) []string {
	used := map[string]bool{}
	tags := make([]string, len(arms))
	for i, a := range arms {
		base := strings.Map(func(c rune) rune {
			if c < 0x80 && strings.ContainsRune("_.=-", c) || 'A' <= c && c <= 'Z' || 'a' <= c && c <= 'z' || '0' <= c && c <= '9' {
				return c
			}
			return '_'
		}, a.Name)
		base = base[:min(len(base), longestTag)]
		tags[i] = base
		for n := 2; used[tags[i]]; n++ {
			tags[i] = fmt.Sprintf("%s_%d", base, n)
		}
		used[tags[i]] = true
	}
	return tags
}
