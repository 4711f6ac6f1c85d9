package plan

import (
	"errors"
	"slices"
	"strings"
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
	refuse(s.Target != "", "must be left out with a TARGET, which is a server already")
	secure := s.TLS != Off
	refuse(secure && !(has(CertPlace) && has(KeyPlace)), "must hold {cert} and {key}, the files of its certificate, or come with --tls off")
	refuse(!secure && slices.ContainsFunc([]string{CertPlace, KeyPlace}, has), "must not hold {cert} or {key} with --tls off")
	refuse(s.MTLS && !has(CAPlace), "must hold {ca}, the file of the client's authority, with --mtls on")
	refuse(!s.MTLS && has(CAPlace), "must not hold {ca} with --mtls off")
	return wrong
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
