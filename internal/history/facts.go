package history

import (
	"strings"

	"grpcbench/internal/compare"
)

// factLists are lists of facts, each once: arms and runs have the same ones again and
// again. The zero value holds none.
type factLists struct {
	all [][]compare.Fact
	at  map[string]int
}

// place is where the list equal to list is; a new one is added.
func (l *factLists) place(list []compare.Fact) int {
	var key strings.Builder
	for _, f := range list {
		key.WriteString(f.What)
		key.WriteByte(0)
		key.WriteString(f.Value)
		key.WriteByte(0)
	}
	at, known := l.at[key.String()]
	if !known {
		if l.at == nil {
			l.at = make(map[string]int)
		}
		at = len(l.all)
		l.at[key.String()], l.all = at, append(l.all, list)
	}
	return at
}

// share replaces lists by those that were there first.
func (l *factLists) share(facts []armFacts) {
	for i := range facts {
		facts[i].list = l.all[l.place(facts[i].list)]
	}
}
