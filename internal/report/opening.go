package report

import "grpcbench/internal/result"

// opening is one kind of connection of one arm.
type opening struct {
	arm       string // not safe to print
	handshake result.Handshake
}

// openings lists what connections cost, each choice of TLS settings and engine once:
// the first arm speaks for the others of the same choice.
func openings(r result.Result) []opening {
	type choice struct {
		target, engine, tls, key, group string
		mtls, resumption                bool
	}
	var list []opening
	seen := make(map[choice]bool)
	for _, a := range r.Arms {
		s := a.Settings
		c := choice{s.Target, s.Engine, s.TLS, s.Key, s.Group, s.MTLS, s.Resumption}
		if s.TLS == "off" {
			c = choice{target: s.Target, engine: s.Engine, tls: s.TLS}
		}
		if a.Handshake == nil || seen[c] {
			continue
		}
		seen[c] = true
		if h := a.Handshake.Full; h != nil {
			list = append(list, opening{a.Name, *h})
		}
		if h := a.Handshake.Resumed; h != nil {
			list = append(list, opening{a.Name + " resumed", *h})
		}
	}
	return list
}

// openingHead heads the cells of an opening.
func openingHead() []string {
	return []string{"TCP", "TLS", "HTTP/2", "CPU client · server", "bytes out · in"}
}

func (o opening) cells() []string {
	h := o.handshake
	tls := "–"
	if h.TLS > 0 {
		tls = duration(float64(h.TLS))
	}
	return []string{
		duration(float64(h.TCP)), tls, duration(float64(h.HTTP2)),
		both(h.ClientCPU, h.ServerCPU, duration), both(&h.SentBytes, &h.ReceivedBytes, amount),
	}
}
