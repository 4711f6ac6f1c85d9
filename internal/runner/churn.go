package runner

import (
	"maps"

	"grpcbench/internal/hist"
	"grpcbench/internal/result"
	"grpcbench/internal/worker"
)

// churnTally adds up what became of the connections that were to be replaced.
type churnTally struct {
	sum   result.Churn
	kinds [2]*openingTally // full, resumed
}

// openingTally adds up what opening connections of one kind took.
type openingTally struct {
	tcp, tls, http2, total *hist.Histogram
	count, sent, received  int64
}

// addChurn adds the window's churn. What opening connections sent is divided by the
// RPCs of the whole window, in which all that was due is counted.
func (t *tally) addChurn(m *worker.Measured) error {
	if m.Churn == nil {
		return nil
	}
	if t.churn == nil {
		t.churn = &churnTally{sum: result.Churn{Failed: map[string]int64{}}}
	}
	c, from := t.churn, m.Churn
	if !m.Stopped {
		t.openingSent.add(&from.Sent, m.Ledger.Scheduled)
		t.openingReceived.add(&from.Received, m.Ledger.Scheduled)
	}
	c.sum.Due += from.Due
	c.sum.Opened += from.Opened
	c.sum.Missed += from.Missed
	for class, n := range from.Failed {
		c.sum.Failed[class] += n
	}
	for i, o := range []*worker.Openings{from.Full, from.Resumed} {
		if o == nil {
			continue
		}
		if c.kinds[i] == nil {
			c.kinds[i] = &openingTally{tcp: hist.New(), tls: hist.New(), http2: hist.New(), total: hist.New()}
		}
		if err := c.kinds[i].add(o); err != nil {
			return err
		}
	}
	return nil
}

func (t *openingTally) add(o *worker.Openings) error {
	t.count += o.Count
	t.sent += o.Sent
	t.received += o.Received
	for _, h := range []struct {
		to   *hist.Histogram
		from hist.Encoded
	}{{t.tcp, o.TCP}, {t.tls, o.TLS}, {t.http2, o.HTTP2}, {t.total, o.Total}} {
		from, err := hist.Decode(h.from)
		if err != nil {
			return err
		}
		if err := h.to.Merge(from); err != nil {
			return err
		}
	}
	return nil
}

// result is what the tally comes to; nil: connections are not replaced.
func (t *churnTally) result() *result.Churn {
	if t == nil {
		return nil
	}
	c := t.sum
	c.Failed = maps.Clone(t.sum.Failed)
	if t.kinds[0] != nil || t.kinds[1] != nil {
		c.Handshake = &result.Handshakes{Full: t.kinds[0].handshake(), Resumed: t.kinds[1].handshake()}
	}
	return &c
}

func (t *openingTally) handshake() *result.Handshake {
	if t == nil {
		return nil
	}
	n := float64(t.count)
	return &result.Handshake{Count: t.count, TCP: median(t.tcp), TLS: median(t.tls), HTTP2: median(t.http2), Total: median(t.total),
		SentBytes: float64(t.sent) / n, ReceivedBytes: float64(t.received) / n}
}

// median is the middle value of h, 0 of none.
func median(h *hist.Histogram) int64 {
	ns, _ := h.Quantile(0.5, h.Count())
	return ns
}

// together is the sum of two figures, of which the second may not be there at all.
func together(a, b cost) *float64 {
	sum, more := a.per(), b.per()
	switch {
	case sum == nil || !b.any:
		return sum
	case more == nil:
		return nil
	}
	return new(*sum + *more)
}
