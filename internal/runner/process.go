package runner

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"

	"grpcbench/internal/mask"
	"grpcbench/internal/worker"
)

// process is one child: it is given orders and answers them.
type process struct {
	name    string
	cmd     *exec.Cmd
	in      io.WriteCloser
	orders  *json.Encoder
	answers chan answer // closed when the child has ended
	stderr  worker.Tail
	secrets mask.Secrets // hidden in what it wrote to standard error
	busy    sync.Mutex   // one order at a time
	silent  error        // why no order is answered any more: the child has ended, or later answers would be taken for others'
	write   sync.Mutex   // orders are whole lines
}

// answer is a worker.Answer whose value is not decoded yet.
type answer struct {
	Error string          `json:"error"`
	Value json.RawMessage `json:"value"`
	Part  json.RawMessage `json:"part"`
}

// start runs command with the role as its last argument. The child ends when
// its standard input does, and has little of our environment.
func start(command []string, role, name string, secrets mask.Secrets) (*process, error) {
	p := &process{name: name, answers: make(chan answer, 1), secrets: secrets}
	p.cmd = exec.Command(command[0], append(command[1:len(command):len(command)], role)...)
	p.cmd.Env = environment(os.Environ())
	p.cmd.Stderr = &p.stderr
	var err error
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	out, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	p.orders = json.NewEncoder(p.in)
	if err := p.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start %s: %w", name, err)
	}
	go p.listen(out)
	return p, nil
}

// listen hands on the child's answers until it says no more, or nothing that can
// be read.
func (p *process) listen(out io.Reader) {
	defer close(p.answers)
	d := json.NewDecoder(out)
	for {
		var a answer
		if d.Decode(&a) != nil {
			return
		}
		p.answers <- a
	}
}

func (p *process) pid() int { return p.cmd.Process.Pid }

// ask sends an order and decodes the answer's value into to. It gives up after
// limit, or when ctx ends; from then on the child can only be stopped.
func (p *process) ask(ctx context.Context, o worker.Order, limit time.Duration, to any) error {
	p.busy.Lock()
	defer p.busy.Unlock()
	if p.silent != nil {
		return p.silent
	}
	if err := p.send(o); err != nil {
		p.silent = fmt.Errorf("%s ended before it was asked to %s%s", p.name, o.Do, p.note())
		return p.silent
	}
	timer := time.NewTimer(limit)
	defer timer.Stop()
	for {
		select {
		case a, ok := <-p.answers:
			if !ok {
				p.silent = fmt.Errorf("%s ended while asked to %s%s", p.name, o.Do, p.note())
				return p.silent
			}
			last, err := a.into(to)
			if err != nil {
				err = fmt.Errorf("%s: answer to %s: %w", p.name, o.Do, err)
			}
			if !last {
				if p.silent = err; err != nil {
					return err
				}
				continue
			}
			if err != nil {
				return err
			}
			if a.Error != "" {
				return errors.New(a.Error)
			}
			return nil
		case <-timer.C:
			p.silent = fmt.Errorf("%s: no answer to %s within %v", p.name, o.Do, limit)
		case <-ctx.Done():
			p.silent = context.Cause(ctx)
		}
		return p.silent
	}
}

// into decodes the answer; last is false for a part, which to takes.
func (a answer) into(to any) (last bool, err error) {
	if a.Part != nil {
		taker, ok := to.(interface{ Take(part []byte) error })
		if !ok {
			return false, errors.New("a part of what has none")
		}
		return false, taker.Take(a.Part)
	}
	if a.Error != "" || to == nil {
		return true, nil
	}
	return true, json.Unmarshal(a.Value, to)
}

func (p *process) send(o worker.Order) error {
	p.write.Lock()
	defer p.write.Unlock()
	return p.orders.Encode(o)
}

// interrupt asks the child to end what it does early. A child that is gone needs
// no asking.
func (p *process) interrupt() { _ = p.send(worker.Order{Do: worker.DoStop}) }

// stopWait is how long a child has to end by itself.
const stopWait = 2 * time.Second

// stop ends the child and returns when it has.
func (p *process) stop() {
	_ = p.in.Close() // asks it to end; a child that is gone has closed it already
	ended := make(chan struct{})
	go func() {
		for range p.answers { // Wait must not come before the last is read
		}
		_ = p.cmd.Wait() // how it ended matters no more
		close(ended)
	}()
	timer := time.NewTimer(stopWait)
	defer timer.Stop()
	select {
	case <-ended:
	case <-timer.C:
		_ = p.cmd.Process.Kill() // an error says that it has just ended
		<-ended
	}
}

// stopAll ends all children at once.
func stopAll(all []*process) {
	var wg sync.WaitGroup
	for _, p := range all {
		wg.Go(p.stop)
	}
	wg.Wait()
}

// note is what is worth adding to an error: the last words of the child. A crash
// or a library's log may hold what it was working on.
func (p *process) note() string {
	text := strings.TrimSpace(p.stderr.String())
	if text == "" {
		return ""
	}
	return ": " + p.secrets.Hide(text)
}
