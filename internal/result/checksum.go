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
	data, err := json.MarshalIndent(r, "", " ")
	if err != nil {
		return nil, err
	}
	return Seal(data), nil
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
