package configs

import (
	"fmt"
	"path/filepath"
	"slices"
)

func (c *Config) checkTargets(found *problems) {
	if len(c.Targets) == 0 {
		found.add("targets", "is empty: name at least one chain")
	}
	seen := map[string]int{}
	for i, t := range c.Targets {
		key := fmt.Sprintf("targets[%d]", i)
		checkName(found, key+".name", t.Name, seen, i)
		oneOf(found, key+".family", t.Family, defaultFamily)
		for name, id := range map[string]string{"chain": t.Chain, "group": t.Group} {
			if !idPattern.MatchString(id) {
				found.add(key+"."+name, "%q is no %s id: letters, digits and _ only", id, name)
			}
		}
		t.checkPlaces(found, key)
		t.TLS.check(found, key+".tls")
		c.checkAccountOf(found, key+".account", t.Account)
		t.Limits.check(found, key+".limits")
		t.Pool.check(found, key+".pool")
		t.Calls.check(found, key+".calls")
	}
}

// checkPlaces finds out whether there is exactly one place where nodes are listed.
func (t Target) checkPlaces(found *problems, key string) {
	places := t.Discovery.given()
	if len(t.Nodes) > 0 {
		places = append([]string{"nodes"}, places...)
	}
	switch {
	case len(places) == 0:
		found.add(key+".nodes", "is empty: name the RPC address of at least one node, such as 127.0.0.1:20200, or say under discovery where nodes are listed")
	case len(places) > 1:
		found.add(key+"."+places[1], "does not go with %s.%s: one place says where the nodes are, take the others out", key, places[0])
	}
	t.checkNodes(found, key)
	t.Discovery.check(found, key+".discovery")
}

func (t Target) checkNodes(found *problems, key string) {
	seen := map[string]int{}
	for i, node := range t.Nodes {
		key := fmt.Sprintf("%s.nodes[%d]", key, i)
		host, err := splitAddress(node, 1)
		switch first, twice := seen[node]; {
		case err != nil:
			found.add(key, "%s", err)
		case host == "":
			found.add(key, "%q has no host: write host:port, such as 127.0.0.1:20200", node)
		case twice:
			found.add(key, "%s is named already, as entry [%d]", node, first)
		default:
			seen[node] = i
		}
	}
}

func (c *Config) checkAccountOf(found *problems, key, account string) {
	if len(c.Accounts) == 0 {
		return // reported already
	}
	var names []string
	for _, a := range c.Accounts {
		names = append(names, a.Name)
	}
	switch {
	case account == "":
		found.add(key, "is missing: there are several accounts, name the one that signs by default (%q)", names)
	case !slices.Contains(names, account):
		found.add(key, "%q is not among the accounts %q", account, names)
	}
}

// filesOf names the files of a chain's sdk folder; without a folder, none.
func filesOf(dir string) TargetTLS {
	if dir == "" {
		return TargetTLS{}
	}
	return TargetTLS{
		Dir:  dir,
		CA:   filepath.Join(dir, "ca.crt"),
		Cert: filepath.Join(dir, "sdk.crt"),
		Key:  filepath.Join(dir, "sdk.key"),
	}
}

func (t TargetTLS) check(found *problems, key string) {
	files := []struct{ name, path string }{{"ca", t.CA}, {"cert", t.Cert}, {"key", t.Key}}
	single := t.CA != "" || t.Cert != "" || t.Key != ""
	switch {
	case t.Disabled && (single || t.Dir != ""):
		found.add(key, "has disabled: true and certificates: take one of them out")
	case t.Disabled:
	case t.Dir != "" && single && t != filesOf(t.Dir):
		found.add(key, "has dir and single files: take one of them out")
	case t.Dir != "":
		files := filesOf(t.Dir)
		for _, path := range []string{files.CA, files.Cert, files.Key} {
			if reason := found.fileReason(path); reason != "" {
				found.add(key+".dir", "%s; the folder is the sdk folder of the chain, with ca.crt, sdk.crt and sdk.key", reason)
			}
		}
	case !single:
		found.add(key, "is missing: set dir to the chain's sdk folder, or ca, cert and key to its files; for nodes without TLS set disabled: true")
	default:
		for _, file := range files {
			if file.path == "" {
				found.add(key+"."+file.name, "is missing: ca, cert and key belong together")
			}
			requireFile(found, key+"."+file.name, file.path)
		}
	}
}
