package probe

import (
	"context"
	"strings"
	"time"
)

// placesTime bounds how long git may take to walk through a history.
const placesTime = 10 * time.Second

// Places says where commits, in hexadecimal and perhaps abbreviated, stand in the history
// of the repository that dir is in: each in a higher place than its ancestors, and commits
// of branches beside each other by their dates. Commits that the repository does not have
// are absent. It is empty without a repository, without git, and if git takes too long.
func Places(ctx context.Context, dir string, commits []string) map[string]int {
	ctx, cancel := within(ctx, placesTime)
	defer cancel()
	asked := make(map[string][]string) // by the whole hash
	var ask, walk strings.Builder
	for _, c := range commits {
		if isHexadecimal(c) {
			ask.WriteString(c + "^{commit}\n")
		}
	}
	var hashes []string // of the lines asked, "" if there is none
	err := git(ctx, dir, strings.NewReader(ask.String()), func(line string) {
		hash, kind, _ := strings.Cut(line, " ")
		if !strings.HasPrefix(kind, "commit ") {
			hash = ""
		}
		hashes = append(hashes, hash)
	}, []string{"cat-file", "--batch-check"})
	if err != nil {
		return nil
	}
	i := 0
	for _, c := range commits {
		if !isHexadecimal(c) {
			continue
		}
		if i < len(hashes) && hashes[i] != "" {
			asked[hashes[i]] = append(asked[hashes[i]], c)
			walk.WriteString(hashes[i] + "\n")
		}
		i++
	}
	if len(asked) == 0 {
		return nil
	}
	places := make(map[string]int)
	next := 0
	err = git(ctx, dir, strings.NewReader(walk.String()), func(hash string) {
		next--
		for _, c := range asked[hash] {
			places[c] = next
		}
	}, []string{"rev-list", "--date-order", "--stdin"})
	if err != nil {
		return nil
	}
	for c := range places {
		places[c] -= next // from 0
	}
	return places
}

// isHexadecimal reports whether text may name a commit and nothing else.
func isHexadecimal(text string) bool {
	return text != "" && strings.Trim(text, "0123456789abcdef") == ""
}
