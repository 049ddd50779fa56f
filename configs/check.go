package configs

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/url"
	"os"
	"regexp"
	"slices"
	"strconv"
	"time"
)

var (
	namePattern = regexp.MustCompile(`^[A-Za-z0-9][A-Za-z0-9._-]{0,62}$`)
	idPattern   = regexp.MustCompile(`^[0-9A-Za-z_]{1,128}$`)
)

// fill puts defaults in where they depend on other settings or belong to a list.
func (c *Config) fill() {
	for i := range c.Targets {
		t := &c.Targets[i]
		setDefault(&t.Family, defaultFamily)
		setDefault(&t.Chain, defaultChain)
		setDefault(&t.Group, defaultGroup)
		if t.TLS == (TargetTLS{Dir: t.TLS.Dir}) {
			t.TLS = filesOf(t.TLS.Dir)
		}
		if t.Account == "" && len(c.Accounts) == 1 {
			t.Account = c.Accounts[0].Name
		}
	}
}

func setDefault(value *string, def string) {
	if *value == "" {
		*value = def
	}
}

// Validate checks a Config that was not made by Load, with the same rules. Paths
// are taken as they are. The error is *ProblemsError.
func (c Config) Validate() error {
	found := &problems{}
	c.check(found)
	return found.err("")
}

func (c *Config) check(found *problems) {
	c.HTTP.check(found)
	c.Store.check(found)
	oneOf(found, "log.level", c.Log.Level, "debug", "info", "warn", "error")
	oneOf(found, "log.format", c.Log.Format, "text", "json")
	c.Audit.check(found)
	c.checkAccounts(found)
	c.checkTargets(found)
}

func (a Audit) check(found *problems) {
	if a.Every < 0 {
		found.add("audit.every", "cannot be negative")
	}
	if a.Within <= 0 {
		found.add("audit.within", "must be more than 0")
	}
	if a.Nodes < 0 {
		found.add("audit.nodes", "cannot be negative")
	}
	if a.Rate <= 0 {
		found.add("audit.rate", "must be more than 0")
	}
}

func (s Store) check(found *problems) {
	notNegative(found, "store.sub_batch", map[string]int{"least": s.SubBatch.Least, "most": s.SubBatch.Most})
	if s.SubBatch.Most > 0 && s.SubBatch.Least > s.SubBatch.Most {
		found.add("store.sub_batch.least", "%d is more than most %d", s.SubBatch.Least, s.SubBatch.Most)
	}
	if s.Keep < 0 {
		found.add("store.keep", "must not be less than 0")
	}
	if s.URL != "" {
		if reason := StoreURLFault(s.URL); reason != "" {
			found.add("store.url", "%s", reason)
		}
		return // the path is not used
	}
	if s.Path == "" {
		found.add("store.path", "is empty: name the SQLite file of the jobs")
	} else if info, err := os.Stat(s.Path); err == nil && info.IsDir() {
		found.add("store.path", "%s is a folder: name a file", s.Path)
	}
}

// StoreURLFault says why a text cannot be Store.URL, "" when it can. It does not
// repeat the text, which may have a password.
func StoreURLFault(text string) string {
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Scheme != "postgres" && u.Scheme != "postgresql":
		return "is no URL of PostgreSQL: write postgres://user@host:5432/database"
	case u.Query().Has("password") || hasPassword(u):
		return "has a password, which others could read: give it by the environment variable PGPASSWORD, " +
			"or by a password file (PGPASSFILE, ~/.pgpass, or ?passfile= in the URL)"
	}
	return ""
}

func hasPassword(u *url.URL) bool {
	_, has := u.User.Password()
	return has
}

func (h HTTP) check(found *problems) {
	reachable := false
	host, err := splitAddress(h.Listen, 0)
	if err != nil {
		found.add("http.listen", "%s", err)
	} else {
		reachable = !isLoopback(host)
	}
	if h.BodyLimit <= 0 {
		found.add("http.body_limit", "must be more than 0")
	}
	for key, d := range map[string]time.Duration{"http.read_header_timeout": h.ReadHeaderTimeout, "http.shutdown_timeout": h.ShutdownTimeout} {
		if d <= 0 {
			found.add(key, "must be more than 0")
		}
	}
	tls := h.TLS
	switch {
	case tls.Cert != "" && tls.Key == "":
		found.add("http.tls.key", "is missing: http.tls.cert is set and needs its private key")
	case tls.Key != "" && tls.Cert == "":
		found.add("http.tls.cert", "is missing: http.tls.key is set and needs its certificate")
	case tls.ClientCA != "" && tls.Cert == "":
		found.add("http.tls.cert", "is missing: http.tls.client_ca asks for client certificates, which plain HTTP has not")
	}
	requireFile(found, "http.tls.cert", tls.Cert)
	requireFile(found, "http.tls.key", tls.Key)
	requireFile(found, "http.tls.client_ca", tls.ClientCA)
	requireFile(found, "http.token_file", h.TokenFile)
	if reachable && !h.Insecure {
		if tls.Cert == "" && tls.Key == "" {
			found.add("http.tls", "is missing: %s can be reached from other machines, so http.tls.cert and http.tls.key are needed; "+
				"to do without, set http.insecure: true", h.Listen)
		}
		if h.TokenFile == "" && tls.ClientCA == "" {
			found.add("http.token_file", "is missing: %s can be reached from other machines, so http.token_file or http.tls.client_ca is needed; "+
				"to do without, set http.insecure: true", h.Listen)
		}
	}
}

func (c *Config) checkAccounts(found *problems) {
	if len(c.Accounts) == 0 {
		found.add("accounts", "is empty: transactions are signed with the key of an account, name at least one")
	}
	seen := map[string]int{}
	for i, a := range c.Accounts {
		key := fmt.Sprintf("accounts[%d]", i)
		checkName(found, key+".name", a.Name, seen, i)
		switch {
		case a.File == "":
			found.add(key+".file", "is missing: name the PEM file of the account's private key")
		case a.Create:
			if info, err := os.Stat(a.File); err == nil && !info.Mode().IsRegular() {
				found.add(key+".file", "%s is no file", a.File)
			}
		default:
			if reason := found.fileReason(a.File); reason != "" {
				found.add(key+".file", "%s; with create: true a new key would be made", reason)
			}
		}
	}
}

func checkName(found *problems, key, name string, seen map[string]int, i int) {
	first, twice := seen[name]
	switch {
	case name == "":
		found.add(key, "is missing")
	case !namePattern.MatchString(name):
		found.add(key, "%q is no name: up to 63 letters, digits and . _ -, the first a letter or a digit", name)
	case twice:
		found.add(key, "%q is the name of entry [%d] already", name, first)
	default:
		seen[name] = i
	}
}

func oneOf(found *problems, key, value string, allowed ...string) {
	if !slices.Contains(allowed, value) {
		found.add(key, "%q is not among the known values %q", value, allowed)
	}
}

// splitAddress checks host:port, with a port of lowest or more.
func splitAddress(address string, lowest int) (host string, err error) {
	host, port, err := net.SplitHostPort(address)
	if err != nil {
		return "", fmt.Errorf("%q is no address: write host:port, such as 127.0.0.1:20200", address)
	}
	if n, err := strconv.Atoi(port); err != nil || n < lowest || n > 65535 {
		return "", fmt.Errorf("%q has no usable port: it must be a number from %d to 65535", address, lowest)
	}
	return host, nil
}

// isLoopback is false for every name but localhost: what a name means may change.
func isLoopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

func requireFile(found *problems, key, path string) {
	if path == "" {
		return
	}
	if reason := found.fileReason(path); reason != "" {
		found.add(key, "%s", reason)
	}
}

// fileReason says why path is no file that can be read; empty when it is one, or
// when files are not looked at.
func (p *problems) fileReason(path string) string {
	if p.noFiles {
		return ""
	}
	file, err := os.Open(path)
	if err != nil {
		switch {
		case errors.Is(err, fs.ErrNotExist):
			return "the file " + path + " does not exist"
		case errors.Is(err, fs.ErrPermission):
			return "the file " + path + " may not be read by this user"
		}
		return "the file " + path + " cannot be read: " + err.Error()
	}
	defer file.Close()
	if info, err := file.Stat(); err == nil && info.IsDir() {
		return path + " is a folder, not a file"
	}
	return ""
}
