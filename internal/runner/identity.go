package runner

import (
	"os"
	"time"

	"grpcbench/internal/certs"
	"grpcbench/internal/plan"
	"grpcbench/internal/worker"
)

// identity holds the certificates of a run's bundled servers: one authority for
// each key type in the plan, made at the start and written nowhere.
type identity struct {
	sets map[string]certs.Set
}

func (r *run) certificates() error {
	r.sets = map[string]certs.Set{}
	for _, a := range r.plan.Arms {
		key := a.Settings.Key
		if a.Settings.TLS == plan.Off || a.Settings.Target != "" || key == "" {
			continue
		}
		if _, ok := r.sets[key]; ok {
			continue
		}
		set, err := certs.Authority(certs.Options{Key: certs.KeyType(key), Days: 1, Now: time.Now()})
		if err != nil {
			return err
		}
		r.sets[key] = set
	}
	return nil
}

// serve is the order for an arm's server.
func (r *run) serve(a plan.Arm) *worker.Serve {
	set := r.sets[a.Settings.Key]
	s := &worker.Serve{Settings: a.Settings, CertPEM: set.Server.CertPEM, KeyPEM: set.Server.KeyPEM}
	if a.Settings.MTLS {
		s.ClientCAPEM = set.CA.CertPEM
	}
	if a.Settings.ServerBinary != "" {
		s.Environment = os.Environ() // a program of the user's expects the user's own
		s.StartTimeout, s.InPlace = r.plan.ServerStartTimeout, r.plan.ServerInPlace
	}
	return s
}

// trial is the order for an arm's generator. An arm of a target has the user's
// files, one of a bundled server the run's own.
func (r *run) trial(a plan.Arm, index, epoch int, address string) *worker.Trial {
	t := &worker.Trial{
		Settings: a.Settings, Secrets: a.Secrets, Address: address, Load: r.plan.Load,
		Seed: plan.ArmSeed(r.plan.Seed, epoch, a.Name), Warmup: r.plan.Warmup, Window: r.plan.Window,
		Drain: r.plan.Drain, Connections: a.Settings.Connections, Timeout: r.plan.ConnectTimeout, Expect: r.plan.Expect, MaxMessage: r.plan.MaxMessage,
	}
	if h := r.plan.Handshakes; h != nil {
		t.Timeout, t.TimeoutFlag = h.Timeout, "--timeout"
	}
	t.Load.Rate = r.plan.ArmRate()
	if t.Load.Rate > 0 {
		// Evenly spaced arrivals of different arms fall between one another.
		t.Phase = time.Duration(float64(index) / float64(len(r.plan.Arms)) / t.Load.Rate * 1e9)
	}
	if b := a.Settings.Request; b != nil {
		t.Request = b.Data
	}
	if b := a.Settings.Payload.File; b != nil {
		t.Body = b.Data
	}
	if target := r.plan.Target; target != nil {
		t.CAPEM, t.ServerName, t.SkipVerify = target.CACertPEM, target.ServerName, target.InsecureSkipVerify
		t.Authority, t.AllowNoALPN = target.AuthorityOf(t.Address), target.AllowNoALPN
		if a.Settings.MTLS {
			t.CertPEM, t.KeyPEM = target.CertPEM, target.KeyPEM
		}
		return t
	}
	set := r.sets[a.Settings.Key]
	t.CAPEM = set.CA.CertPEM
	if a.Settings.MTLS {
		t.CertPEM, t.KeyPEM = set.Client.CertPEM, set.Client.KeyPEM
	}
	return t
}
