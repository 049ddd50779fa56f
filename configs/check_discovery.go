package configs

import (
	"fmt"
	"os"
	"reflect"
	"strings"
)

// given names the parts in which anything is set.
func (d Discovery) given() []string {
	var parts []string
	sections := reflect.ValueOf(d)
	for i, name := range keysOf(sections.Type()) {
		if !sections.Field(i).IsZero() {
			parts = append(parts, "discovery."+name)
		}
	}
	return parts
}

func (d Discovery) check(found *problems, key string) {
	for _, part := range d.given() {
		switch part {
		case "discovery.dns":
			d.DNS.check(found, key+".dns")
		case "discovery.file":
			d.File.check(found, key+".file")
		case "discovery.etcd":
			d.Etcd.check(found, key+".etcd")
		}
	}
}

func (d DiscoveryDNS) check(found *problems, key string) {
	if d.Name == "" {
		found.add(key+".name", "is missing: the name of the SRV records, such as _rpc._tcp.chain.example")
	}
	if d.Server != "" {
		if host, err := splitAddress(d.Server, 1); err != nil {
			found.add(key+".server", "%s", err)
		} else if host == "" {
			found.add(key+".server", "%q has no host: write host:port, such as 10.0.0.53:53", d.Server)
		}
	}
	if d.Interval < 0 {
		found.add(key+".interval", "%s is negative", d.Interval)
	}
}

// check does not want the file to be there: it may be written later.
func (d DiscoveryFile) check(found *problems, key string) {
	if d.Path == "" {
		found.add(key+".path", "is missing: name the file that lists nodes, one host:port a line")
	} else if info, err := os.Stat(d.Path); err == nil && info.IsDir() {
		found.add(key+".path", "%s is a folder, not a file", d.Path)
	}
	if d.Poll < 0 {
		found.add(key+".poll", "%s is negative", d.Poll)
	}
}

func (d DiscoveryEtcd) check(found *problems, key string) {
	if len(d.Endpoints) == 0 {
		found.add(key+".endpoints", "is empty: name the members of etcd, such as https://10.0.0.5:2379")
	}
	for i, endpoint := range d.Endpoints {
		d.checkEndpoint(found, fmt.Sprintf("%s.endpoints[%d]", key, i), endpoint)
	}
	if d.Prefix == "" {
		found.add(key+".prefix", "is missing: what the keys of the nodes begin with, such as /bcosgate/dev/")
	}
	switch {
	case d.Username == "" && d.PasswordFile != "":
		found.add(key+".username", "is missing: password_file is set and needs it")
	case d.Username != "" && d.PasswordFile == "":
		found.add(key+".password_file", "is missing: username is set and needs it")
	}
	requireFile(found, key+".password_file", d.PasswordFile)
	d.TLS.check(found, key+".tls")
}

func (d DiscoveryEtcd) checkEndpoint(found *problems, key, endpoint string) {
	scheme, address := splitScheme(endpoint)
	first, _ := splitScheme(d.Endpoints[0])
	host, err := splitAddress(address, 1)
	switch {
	case scheme != "" && scheme != "http" && scheme != "https":
		found.add(key, "%q begins with neither http:// nor https://", endpoint)
	case err != nil:
		found.add(key, "%s", err)
	case host == "":
		found.add(key, "%q has no host: write host:port, such as 10.0.0.5:2379", endpoint)
	case scheme != first:
		found.add(key, "%q must begin like %q, as all endpoints", endpoint, d.Endpoints[0])
	case scheme == "http" && d.TLS != DiscoveryTLS{}:
		found.add(key, "%q is plain text, and there are TLS settings", endpoint)
	}
}

func splitScheme(endpoint string) (scheme, address string) {
	if scheme, address, found := strings.Cut(endpoint, "://"); found {
		return scheme, address
	}
	return "", endpoint
}

func (t DiscoveryTLS) check(found *problems, key string) {
	switch {
	case t.Cert != "" && t.Key == "":
		found.add(key+".key", "is missing: cert is set and needs its private key")
	case t.Key != "" && t.Cert == "":
		found.add(key+".cert", "is missing: key is set and needs its certificate")
	}
	requireFile(found, key+".ca", t.CA)
	requireFile(found, key+".cert", t.Cert)
	requireFile(found, key+".key", t.Key)
}
