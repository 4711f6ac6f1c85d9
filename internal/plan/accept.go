package plan

import (
	"errors"
	"slices"
	"strings"

	"grpcbench/internal/codec"
)

// acceptCompression is the name of the setting.
const acceptCompression = "accept-compression"

// parseAccept reads the codecs that an arm announces that it accepts: none, or some of
// them; default is "".
func parseAccept(text string) (string, error) {
	if text == "default" {
		return "", nil
	}
	if text == codec.None {
		return text, nil
	}
	names := strings.FieldsFunc(text, func(r rune) bool { return r == ',' || r == '+' })
	if len(names) == 0 || slices.ContainsFunc(names, func(name string) bool { return !slices.Contains(codec.Names(), name) }) {
		return "", errors.New("must be default, none, or some of gzip, deflate and zstd, as in gzip+zstd")
	}
	return acceptText(names), nil
}

// acceptText lists codecs in the order in which they are announced, each once.
func acceptText(names []string) string {
	all := slices.DeleteFunc(codec.Names(), func(name string) bool { return !slices.Contains(names, name) })
	if len(all) == 0 {
		return codec.None
	}
	return strings.Join(all, ",")
}

// Accepts lists the codecs that the arm announces in grpc-accept-encoding, in that
// order. Results of older tools do not have the setting: they announced every codec.
func (s Settings) Accepts() []string {
	switch s.AcceptCompression {
	case "":
		return codec.Names()
	case codec.None:
		return nil
	}
	return strings.Split(s.AcceptCompression, ",")
}

// uses lists the codecs that messages of s are sent in: what the arm is about.
func (s Settings) uses() []string {
	var names []string
	for _, spec := range []codec.Spec{s.Compression, s.ResponseCompression.Spec} {
		if spec.Announced() {
			names = append(names, spec.Name)
		}
	}
	return names
}

// AcceptsByDefault reports whether s announces what it would without the flag: the codecs
// that it is about and no others, so that a server which compresses whenever it may does
// not compress for an arm without a compressor.
func (s Settings) AcceptsByDefault() bool { return s.AcceptCompression == acceptText(s.uses()) }

// checkAccept returns a sentence for each codec that s uses and does not announce.
func checkAccept(s Settings) []string {
	var wrong []string
	for _, name := range s.uses() {
		if !slices.Contains(s.Accepts(), name) {
			wrong = append(wrong, "--accept-compression "+s.AcceptCompression+": must name "+name+", which the arm uses")
		}
	}
	return wrong
}
