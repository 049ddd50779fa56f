// Package configs reads the configuration of the programs once, at their start:
// a YAML file, the environment and command line flags become one typed Config,
// or an error that lists everything that is wrong with them.
//
// It never opens a socket, never reads a key or a certificate (it only looks
// whether the files are there), and is never asked again while a program runs.
package configs

import (
	"errors"
	"fmt"
	"time"

	"github.com/dustin/go-humanize"
)

// Config is everything that can be set. Keys of the file are the mapstructure
// tags; a setting that is no part of a list can also be given by the environment
// (http.listen is BCOSGATE_HTTP_LISTEN) and by a flag (--http-listen). A flag
// wins over the environment, which wins over the file, which wins over Default.
//
// Relative paths in the file start at the file's folder; in the environment and
// in flags they start at the working folder.
type Config struct {
	HTTP     HTTP      `mapstructure:"http"`
	Store    Store     `mapstructure:"store"`
	Log      Log       `mapstructure:"log"`
	Audit    Audit     `mapstructure:"audit"`
	Accounts []Account `mapstructure:"accounts"` // at least one
	Targets  []Target  `mapstructure:"targets"`  // at least one
}

// HTTP is the listener of the HTTP API.
type HTTP struct {
	// Listen is host:port. Port 0 lets the system choose.
	Listen string `mapstructure:"listen" help:"address of the HTTP API, host:port"`
	// BodyLimit bounds a request's JSON body; rows that are streamed up have a limit of their own.
	BodyLimit ByteSize `mapstructure:"body_limit" help:"largest JSON body of a request, for example 64MiB"`
	// RowsLimit bounds rows that are streamed up. 0 is no limit: they need disk, not memory.
	RowsLimit         ByteSize      `mapstructure:"rows_limit" help:"largest upload of rows, for example 10GiB; 0 is no limit"`
	ReadHeaderTimeout time.Duration `mapstructure:"read_header_timeout" help:"how long a client may take to send its request header"`
	// ShutdownTimeout is for all of a graceful stop: open requests and what is in flight.
	ShutdownTimeout time.Duration `mapstructure:"shutdown_timeout" help:"how long a graceful stop may take"`
	TLS             HTTPTLS       `mapstructure:"tls"`
	// TokenFile has the bearer tokens that are accepted; empty asks for none.
	TokenFile string `mapstructure:"token_file" kind:"file" help:"file of the accepted bearer tokens"`
	// Insecure allows a listener that strangers can reach without TLS or without having to show who they are.
	Insecure bool `mapstructure:"insecure" help:"allow an address off loopback without TLS or without client authentication"`
}

// HTTPTLS is the identity of the HTTP API. Without Cert it speaks plain HTTP.
type HTTPTLS struct {
	Cert string `mapstructure:"cert" kind:"file" help:"PEM certificate of the HTTP API; with it HTTPS is spoken"`
	Key  string `mapstructure:"key" kind:"file" help:"PEM private key of the certificate"`
	// ClientCA, when set, makes every client show a certificate of this CA.
	ClientCA string `mapstructure:"client_ca" kind:"file" help:"PEM CA whose certificates clients must show"`
}

// Store is where jobs live.
type Store struct {
	Path string `mapstructure:"path" kind:"path" help:"SQLite file of the jobs; made when it is missing, and its folder too"`
	// URL, when set, is used in place of Path. It has no password: that comes from
	// PGPASSWORD or a password file, as with psql.
	URL string `mapstructure:"url" help:"PostgreSQL database of the jobs in place of a file: postgres://user@host:5432/database?sslmode=verify-full; the password by PGPASSWORD or PGPASSFILE"`
	// Keep is for how long jobs are kept after their end; 0 keeps all.
	Keep time.Duration `mapstructure:"keep" help:"for how long jobs are kept after their end, for example 90d; 0 keeps all"`
	// SubBatch bounds how many items are written ahead together.
	SubBatch SubBatch `mapstructure:"sub_batch"`
}

// SubBatch bounds how many writes share a commit. Zero values leave the choice to
// the engine.
type SubBatch struct {
	Least int `mapstructure:"least" help:"least items that are written ahead together; 0 is 1"`
	Most  int `mapstructure:"most" help:"most items that are written ahead together; 0 is 500"`
}

// Location is where the store is: URL, or Path without one.
func (s Store) Location() string {
	if s.URL != "" {
		return s.URL
	}
	return s.Path
}

// Log says what is logged and how.
type Log struct {
	Level  string `mapstructure:"level" help:"debug, info, warn or error"`
	Format string `mapstructure:"format" help:"text or json"`
}

// Audit compares jobs with their chains at regular times.
type Audit struct {
	Every  time.Duration `mapstructure:"every" help:"how often the jobs that ended lately are compared with their chains, for example 24h; 0 is never"`
	Within time.Duration `mapstructure:"within" help:"the audit takes jobs that ended no longer ago"`
	// Nodes is how many different nodes are asked for each transaction; 0 is two, or all there are.
	Nodes int     `mapstructure:"nodes" help:"how many nodes the audit asks for each transaction; 0 is two, or all there are"`
	Rate  float64 `mapstructure:"rate" help:"how many rows or blocks a second the audit asks for"`
}

// Account is a key that signs transactions, under the name that targets and jobs
// use. The key itself is never part of the configuration.
type Account struct {
	Name string `mapstructure:"name"`
	File string `mapstructure:"file" kind:"path"` // PEM private key
	// Create lets the program make a new key when File does not exist. Without it
	// a missing file is a problem.
	Create bool `mapstructure:"create"`
}

// Default is what holds for everything that is not set.
func Default() Config {
	return Config{
		HTTP: HTTP{
			Listen:            "127.0.0.1:8080",
			BodyLimit:         64 << 20,
			ReadHeaderTimeout: 10 * time.Second,
			ShutdownTimeout:   30 * time.Second,
		},
		Store: Store{Path: "bcosgate.db"},
		Log:   Log{Level: "info", Format: "text"},
		Audit: Audit{Within: 7 * 24 * time.Hour, Rate: 100},
	}
}

// ByteSize is a number of bytes; in text it may have a unit: 64MiB, 10MB, 4096.
type ByteSize int64

// String writes the size with a binary unit when it has a short form.
func (s ByteSize) String() string {
	for _, unit := range []struct {
		size ByteSize
		name string
	}{{1 << 40, "TiB"}, {1 << 30, "GiB"}, {1 << 20, "MiB"}, {1 << 10, "KiB"}} {
		if s >= unit.size && s%unit.size == 0 {
			return fmt.Sprintf("%d%s", s/unit.size, unit.name)
		}
	}
	return fmt.Sprintf("%d", int64(s))
}

func parseByteSize(text string) (ByteSize, error) {
	const most = 1 << 50 // far above any use, far below an overflow
	n, err := humanize.ParseBytes(text)
	if err == nil && n > most {
		err = errors.New("too large")
	}
	return ByteSize(n), err
}
