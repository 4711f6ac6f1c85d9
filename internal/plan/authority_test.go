package plan

import "testing"

func TestAnAuthorityIsWhatAnotherMachineUnderstands(t *testing.T) {
	for _, of := range []struct {
		target  Target
		address string
		want    string
	}{
		{Target{}, "h:1", "h:1"},
		{Target{}, "[::1]:1", "[::1]:1"},
		{Target{}, "[fe80::1%eth0]:1", "[fe80::1]:1"},
		{Target{}, "unix:s%1]", "localhost"},
		{Target{}, "unix:///s", "localhost"},
		{Target{}, "unix-abstract:s", "localhost"},
		{Target{ServerName: "n"}, "unix:s", "n"},
		{Target{Authority: "a"}, "unix:s", "a"},
		{Target{ServerName: "n"}, "h:1", "n"},
		{Target{ServerName: "::1"}, "h:1", "[::1]"},
		{Target{ServerName: "n", Authority: "a:2"}, "h:1", "a:2"},
		{Target{ServerName: "::1", Authority: "a"}, "h:1", "a"},
	} {
		if got := of.target.AuthorityOf(of.address); got != of.want {
			t.Errorf("%+v at %s: %q, want %q", of.target, of.address, got, of.want)
		}
	}
}
