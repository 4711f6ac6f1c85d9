package plan

import (
	"errors"
	"slices"
	"strings"
	"time"
	"unicode"
)

// Places in the command of a server binary, which are filled in when it is started.
const (
	AddrPlace = "{addr}" // the HOST:PORT to listen on; the port is 0, a free one
	CertPlace = "{cert}" // the file of the server's certificate (PEM)
	KeyPlace  = "{key}"  // the file of its private key (PEM)
	CAPlace   = "{ca}"   // the file of the authority of the client's certificate (PEM)
)

// serverBinary is the name of the setting.
const serverBinary = "server-binary"

// ServerStartTimeout is how long a server binary has to print its address, unless a plan has
// another limit.
const ServerStartTimeout = 5 * time.Second

// serverOptions are about servers that the run starts.
func serverOptions() []option {
	return []option{
		{name: "server-start-timeout", value: "DURATION", doc: "limit of a server binary's start, until it has printed its address (default 5s)",
			set: into(between(100*time.Millisecond, time.Hour), func(d *draft) *Duration { return &d.plan.ServerStartTimeout }),
			get: lasting(func(p Plan) Duration { return p.ServerStartTimeout })},
		{name: "server-in-place", value: "bool", start: "false", doc: "run a server binary where it is and not from a copy, for one that needs the files beside it",
			set: into(parseBool, func(d *draft) *bool { return &d.plan.ServerInPlace }),
			get: switched(func(p Plan) bool { return p.ServerInPlace })},
	}
}

// completeServers refuses options of a server binary where there is none.
func (r request) completeServers(p Plan, m *mistakes) {
	if len(p.Arms) == 0 || p.Arms[0].Settings.ServerBinary != "" {
		return
	}
	for _, o := range serverOptions() {
		for _, v := range r.options[o.name] {
			if o.start == "" || v.text != o.start {
				m.add("%s %q: must come with --server-binary, the server that is started", v.where, v.shown())
			}
		}
	}
}

// maxCommand bounds the command of a server binary, in bytes.
const maxCommand = 1000

// parseCommand reads the command of a server binary: words between spaces.
func parseCommand(text string) (string, error) {
	words := strings.Fields(text)
	strange := func(r rune) bool { return !unicode.IsPrint(r) || strings.ContainsRune("'\"`\\", r) }
	switch {
	case len(words) == 0:
		return "", errors.New("must be the command of a server")
	case len(text) > maxCommand:
		return "", errors.New("must be at most 1000 bytes: put what is longer into a script")
	case strings.ContainsFunc(text, strange):
		return "", errors.New("must be words without quotes: put what needs a shell into a script")
	case !strings.Contains(text, AddrPlace):
		return "", errors.New("must hold " + AddrPlace + ", the address to listen on")
	}
	return strings.Join(words, " "), nil
}

// checkCommand returns a sentence for each contradiction between s and the command
// of its server.
func checkCommand(s Settings) []string {
	if s.ServerBinary == "" {
		return nil
	}
	var wrong []string
	refuse := func(bad bool, must string) {
		if bad {
			wrong = append(wrong, "--server-binary "+s.ServerBinary+": "+must)
		}
	}
	has := func(place string) bool { return strings.Contains(s.ServerBinary, place) }
	refuse(s.Target != "", "cannot be used with a TARGET, which is a server already")
	secure := s.TLS != Off
	refuse(secure && !(has(CertPlace) && has(KeyPlace)), "must hold {cert} and {key}, the files of its certificate, or come with --tls off")
	refuse(!secure && slices.ContainsFunc([]string{CertPlace, KeyPlace}, has), "must not hold {cert} or {key} with --tls off")
	refuse(s.MTLS && !has(CAPlace), "must hold {ca}, the file of the client's authority, with --mtls on")
	refuse(!s.MTLS && has(CAPlace), "must not hold {ca} with --mtls off")
	return wrong
}

// checkVaried refuses commands whose commas may have been meant otherwise: each was
// given alone, or all in one text that was split at them.
func checkVaried(where string, commands []string, alone bool, m *mistakes) {
	places := func(text string) bool { return strings.Contains(text, AddrPlace) }
	if !alone {
		without := func(text string) bool { return !places(text) }
		if slices.ContainsFunc(commands, places) && slices.ContainsFunc(commands, without) {
			m.add("%s: must be given once for each command if a command holds a comma, as in --vary server-binary='taskset -c 0,1 ./old {addr}' --vary server-binary='taskset -c 0,1 ./new {addr}'", where)
		}
		return
	}
	for _, c := range commands {
		parts := slices.DeleteFunc(strings.Split(c, ","), func(part string) bool { return !places(part) })
		if len(parts) > 1 {
			m.add("%s %q: must be one command where it is given several times: %s is on both sides of a comma", where, c, AddrPlace)
		}
	}
}

// Program is the first word of a server binary's command.
func Program(command string) string {
	word, _, _ := strings.Cut(command, " ")
	return word
}

// shorten names arms by the program of their server binary, if no two commands have
// the same.
func (ro *roster) shorten() {
	commands := make(map[string]string) // by program
	var pairs []string
	for _, a := range ro.arms {
		command := a.Settings.ServerBinary
		if other, known := commands[Program(command)]; known && other != command {
			return
		}
		commands[Program(command)] = command
		pairs = append(pairs, serverBinary+"="+command, serverBinary+"="+Program(command))
	}
	short := strings.NewReplacer(pairs...)
	for i := range ro.arms {
		ro.arms[i].Name = short.Replace(ro.arms[i].Name)
	}
	for i := range ro.groups {
		g := &ro.groups[i]
		g.Control = short.Replace(g.Control)
		for k := range g.Arms {
			g.Arms[k] = short.Replace(g.Arms[k])
		}
	}
}
