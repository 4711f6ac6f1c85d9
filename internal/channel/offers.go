package channel

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
)

// groups are the key exchange groups that can be asked for, by name.
func groups() []string { return []string{"x25519", "p256", "x25519mlkem768"} }

// offers are the TLS versions and, of each, the groups that a server agrees to when it
// is offered nothing else. Up to six connections find out; none is used for anything.
func offers(ctx context.Context, e Endpoint, o TLSOptions) (versions, agreed []string) {
	o.SkipVerify, o.Resume = true, false // what it agrees to is asked, not who it is
	agrees := func(version, group string) bool {
		o.Version, o.Group = version, group
		config, err := o.Config()
		if err != nil {
			return false
		}
		ctx, cancel := context.WithTimeout(ctx, e.Limit())
		defer cancel()
		return shakes(ctx, e, config)
	}
	for _, version := range []string{"1.2", "1.3"} {
		if agrees(version, "") {
			versions = append(versions, version)
		}
	}
	for _, group := range groups() {
		if slices.ContainsFunc(versions, func(version string) bool {
			return (version == "1.3" || group != "x25519mlkem768") && agrees(version, group)
		}) {
			agreed = append(agreed, group)
		}
	}
	return versions, agreed
}

// ExplainTLS has err, that of Open or Attempt, say what the server offers instead, if it is
// the TLS version or the group that it does not speak. Any other error it returns as it
// is. It opens a few connections to find out.
func ExplainTLS(ctx context.Context, err error, to Endpoint, o TLSOptions) error {
	var e explained
	if Class(err) != TLSRefused || !errors.As(err, &e) {
		return err
	}
	versions, agreed := offers(ctx, to, o)
	switch {
	case len(versions) == 0:
		return err
	case !slices.Contains(versions, o.Version):
		e.advice = fmt.Sprintf("the server does not speak TLS %s (change --tls): it offers TLS %s", o.Version, strings.Join(versions, " and "))
	case o.Group != "" && !slices.Contains(agreed, o.Group):
		e.advice = fmt.Sprintf("the server does not agree to the group %s (change --group): it offers %s", o.Group, orNothing(agreed))
	}
	return e
}

func orNothing(names []string) string {
	if len(names) == 0 {
		return "none of ours"
	}
	return strings.Join(names, ", ")
}
