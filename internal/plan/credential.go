package plan

import (
	"slices"
	"strings"
)

// Credential reports whether metadata of that name looks like a credential: its
// value opens something to whoever reads it. Names are in lower case.
func Credential(name string) bool {
	return slices.ContainsFunc(credentialWords(), func(word string) bool { return strings.Contains(name, word) })
}

// credentialWords are parts of names, by the names in use: authorization,
// proxy-authorization, x-api-key, set-cookie, x-amz-security-token, session-id.
func credentialWords() []string {
	return []string{"authorization", "cookie", "token", "key", "secret", "password", "credential", "session"}
}
