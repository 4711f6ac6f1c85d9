package result

import (
	"bytes"
	"crypto/sha256"
	"encoding/json"
	"errors"
	"fmt"
)

// marshal is the stored form of r.
func marshal(r Result) ([]byte, error) {
	data, err := json.Marshal(r)
	if err != nil {
		return nil, err
	}
	return Seal(indent(data, lineDepth)), nil
}

// lineDepth is how deep values of a result are that have a line of their own: an epoch and a
// second are one. Indented whole, a quarter of the file would be spaces.
const lineDepth = 4

// indent is compact JSON with a line for each value down to a depth.
func indent(compact []byte, depth int) []byte {
	out := make([]byte, 0, len(compact)+len(compact)/8)
	level, text := 0, false
	line := func() {
		out = append(out, '\n')
		out = append(out, bytes.Repeat([]byte{' '}, level)...)
	}
	for i := 0; i < len(compact); i++ {
		c := compact[i]
		if text {
			out = append(out, c)
			if c == '\\' {
				i++
				out = append(out, compact[i])
			}
			text = c != '"'
			continue
		}
		switch c {
		case '{', '[':
			level++
			out = append(out, c)
			if level <= depth && compact[i+1] != c+2 { // the byte that closes what c opens
				line()
			}
			continue
		case '}', ']':
			level--
			if level < depth && compact[i-1] != c-2 {
				line()
			}
		case '"':
			text = true
		}
		out = append(out, c)
		switch {
		case c == ',' && level <= depth:
			line()
		case c == ':' && level <= depth:
			out = append(out, ' ')
		}
	}
	return out
}

// Seal returns an indented JSON object with one more member, its checksum, as its
// last line but one. That is the SHA-256 of all the lines before it, so that
//
//	head -n -2 result.json | sha256sum
//
// computes it. It tells that a file was changed by accident; whoever changes one
// on purpose can seal it again.
func Seal(object []byte) []byte {
	open := bytes.TrimRight(bytes.TrimSuffix(bytes.TrimSpace(object), []byte("}")), " \n")
	body := append(open[:len(open):len(open)], ",\n"...)
	return append(body, seal(body)...)
}

const sealName = `"checksum": "sha256:`

// seal is what follows the lines of body, indented as they are.
func seal(body []byte) []byte {
	_, line, _ := bytes.Cut(body, []byte("\n"))
	indent := line[:len(line)-len(bytes.TrimLeft(line, " "))]
	return fmt.Appendf(nil, "%s%s%x\"\n}\n", indent, sealName, sha256.Sum256(body))
}

// verify holds data against its checksum; sealed is false if it has none.
func verify(data []byte) (sealed bool, err error) {
	at := bytes.LastIndex(data, []byte(sealName))
	if at < 0 {
		return false, nil
	}
	body := bytes.TrimRight(data[:at], " ")
	if !bytes.Equal(data[len(body):], seal(body)) {
		return true, errors.New("checksum: must be that of the lines before it: the file was changed after it was written")
	}
	return true, nil
}

// NoChecksum is the code of the warning about a result that was read without a
// checksum.
const NoChecksum = "no_checksum"

// unsealed is the doubt about a result without a checksum.
func unsealed() Warning {
	return Warning{Code: NoChecksum, Text: "the file has no checksum: it was written or changed by something else than grpc-bench"}
}
