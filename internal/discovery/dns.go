package discovery

import (
	"context"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"
)

// dnsTimeout bounds one look-up: a resolver waits 5 s for an answer and asks twice,
// unless resolv.conf says otherwise.
const dnsTimeout = 10 * time.Second

// DNSConfig names SRV records.
type DNSConfig struct {
	// Name is what _Service._Proto stands before; with Service and Proto empty it is
	// the whole name of the records. A name without a dot at its end is also looked
	// for in the search domains of the system.
	Service, Proto, Name string

	Server   string        // host:port of the DNS server; empty asks those of the system
	Interval time.Duration // between two look-ups; 0 is 30 s
}

// Validate says everything that is wrong.
func (c DNSConfig) Validate() error {
	var wrong []error
	if c.Name == "" {
		wrong = append(wrong, errors.New("dns: no name"))
	}
	if (c.Service == "") != (c.Proto == "") {
		wrong = append(wrong, errors.New("dns: service and proto belong together: give both or none"))
	}
	if c.Server != "" {
		if _, err := canonical(c.Server); err != nil {
			wrong = append(wrong, fmt.Errorf("dns: server: %w", err))
		}
	}
	if c.Interval < 0 {
		wrong = append(wrong, fmt.Errorf("dns: interval %s is negative", c.Interval))
	}
	return errors.Join(wrong...)
}

// DNS lists the targets of SRV records by their names, which are not resolved
// here. Priorities and weights mean nothing: nodes are chosen by how they answer.
//
// A name without records, or that does not exist, or whose one record has the
// target "." (RFC 2782: no such service), is an empty list. Everything else that is
// no answer is a failure.
func DNS(cfg DNSConfig) (Source, error) {
	if err := cfg.Validate(); err != nil {
		return nil, err
	}
	if cfg.Interval == 0 {
		cfg.Interval = 30 * time.Second
	}
	resolver := &net.Resolver{PreferGo: true} // the same behaviour everywhere
	if cfg.Server != "" {
		resolver.Dial = func(ctx context.Context, network, _ string) (net.Conn, error) {
			var dialer net.Dialer
			return dialer.DialContext(ctx, network, cfg.Server)
		}
	}
	return &dns{DNSConfig: cfg, lookup: resolver.LookupSRV}, nil
}

type dns struct {
	DNSConfig
	lookup func(ctx context.Context, service, proto, name string) (string, []*net.SRV, error)
}

func (d *dns) String() string {
	name := d.Name
	if d.Service != "" {
		name = "_" + d.Service + "._" + d.Proto + "." + name
	}
	if d.Server == "" {
		return "DNS " + name
	}
	return "DNS " + name + " at " + d.Server
}

func (d *dns) Watch(ctx context.Context, emit func([]Entry)) error {
	for {
		entries, err := d.read(ctx)
		if err != nil {
			return err
		}
		emit(entries)
		if err := pause(ctx, d.Interval); err != nil {
			return err
		}
	}
}

func (d *dns) read(ctx context.Context) ([]Entry, error) {
	ctx, cancel := context.WithTimeout(ctx, dnsTimeout)
	defer cancel()
	_, records, err := d.lookup(ctx, d.Service, d.Proto, d.Name)
	var entries []Entry
	for _, record := range records {
		if record.Target == "." {
			continue
		}
		address := net.JoinHostPort(record.Target, strconv.Itoa(int(record.Port)))
		entries = append(entries, Entry{Where: "SRV record", Address: address})
	}
	var failure *net.DNSError
	switch {
	case err == nil:
		return entries, nil
	case len(records) > 0: // the resolver has left out names that it takes for malformed
		return append(entries, Entry{Where: "SRV records", Err: errors.New("the resolver has left out malformed ones")}), nil
	case errors.As(err, &failure) && failure.IsNotFound:
		return nil, nil
	}
	return nil, lookupError(err)
}

// lookupError words a failure the same each time: the text of a broken look-up
// names the port that this attempt had, and the cause stands at its end.
func lookupError(err error) error {
	var failure *net.DNSError
	if !errors.As(err, &failure) {
		return err
	}
	if failure.IsTimeout {
		return errors.New("no DNS server answered in time")
	}
	cause := failure.Err
	if i := strings.LastIndex(cause, ": "); i >= 0 {
		cause = cause[i+2:]
	}
	return errors.New("DNS: " + cause)
}
