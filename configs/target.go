package configs

import "time"

// Target is one group of one chain.
type Target struct {
	Name   string `mapstructure:"name"`
	Family string `mapstructure:"family"` // "fisco3", which is also the default
	Chain  string `mapstructure:"chain"`  // chain id; default "chain0"
	Group  string `mapstructure:"group"`  // group id; default "group0"

	// Nodes has host:port of the RPC ports. Either Nodes or one part of Discovery
	// says where the nodes are.
	Nodes     []string  `mapstructure:"nodes"`
	Discovery Discovery `mapstructure:"discovery"`

	TLS TargetTLS `mapstructure:"tls"`
	// Account is the default account of transactions. Empty takes the only one there is.
	Account string `mapstructure:"account"`
	Limits  Limits `mapstructure:"limits"`
	Pool    Pool   `mapstructure:"pool"`
	Calls   Calls  `mapstructure:"calls"`
}

const (
	defaultFamily = "fisco3"
	defaultChain  = "chain0"
	defaultGroup  = "group0"
)

// TargetTLS is our identity towards the nodes: either the folder or the three
// files. After Load the files are always filled in, unless TLS is disabled.
type TargetTLS struct {
	Dir  string `mapstructure:"dir" kind:"path"` // has ca.crt, sdk.crt and sdk.key
	CA   string `mapstructure:"ca" kind:"path"`
	Cert string `mapstructure:"cert" kind:"path"`
	Key  string `mapstructure:"key" kind:"path"`
	// Disabled is for nodes with enable_ssl=false. It has to be said, because
	// anybody can then read along and answer in the node's name.
	Disabled bool `mapstructure:"disabled"`
}

// Limits bound what jobs are given of a target. Zero values leave the choice to
// the engine.
type Limits struct {
	Rate  float64 `mapstructure:"rate"`  // transactions a second; 0 is no limit
	Burst int     `mapstructure:"burst"` // transactions at once under the rate; 0 is a twentieth of a second's worth
	// InFlight is how many transactions may be sent and not yet answered. The engine
	// finds out how many of them make the target fastest: at least InFlightLeast,
	// where 0 is 1, and at most InFlight, where 0 is the engine's default.
	InFlight      int `mapstructure:"in_flight"`
	InFlightLeast int `mapstructure:"in_flight_least"`
}

// Discovery says where the nodes are listed while the program runs. At most one
// part is set.
type Discovery struct {
	DNS  DiscoveryDNS  `mapstructure:"dns"`
	File DiscoveryFile `mapstructure:"file"`
	Etcd DiscoveryEtcd `mapstructure:"etcd"`
}

// DiscoveryDNS names SRV records. It is set when Name is.
type DiscoveryDNS struct {
	Name     string        `mapstructure:"name"`     // the whole name, such as _rpc._tcp.chain.example
	Server   string        `mapstructure:"server"`   // host:port; empty asks the servers of the system
	Interval time.Duration `mapstructure:"interval"` // between two look-ups; 0 is discovery's default
}

// DiscoveryFile names a file with one host:port a line. It is set when Path is.
type DiscoveryFile struct {
	Path string        `mapstructure:"path" kind:"path"`
	Poll time.Duration `mapstructure:"poll"` // how often it is read without notice of a change; 0 is discovery's default
}

// DiscoveryEtcd names keys in etcd, whose values are host:port. It is set when
// anything of it is.
type DiscoveryEtcd struct {
	Endpoints    []string     `mapstructure:"endpoints"` // host:port or https://host:port of the members
	Prefix       string       `mapstructure:"prefix"`    // of the keys; ends with a separator as a rule
	Username     string       `mapstructure:"username"`
	PasswordFile string       `mapstructure:"password_file" kind:"path"` // its first line; goes with Username
	TLS          DiscoveryTLS `mapstructure:"tls"`
}

// DiscoveryTLS is who etcd must be, and who we are to it. All empty is plain text,
// or for https:// the authorities of the system.
type DiscoveryTLS struct {
	CA   string `mapstructure:"ca" kind:"path"`
	Cert string `mapstructure:"cert" kind:"path"`
	Key  string `mapstructure:"key" kind:"path"`
}

// Pool bounds the connections to the nodes. Zero values leave the choice to
// package pool.
type Pool struct {
	MaxConns     int           `mapstructure:"max_conns"`     // to each node; 1 to 64
	MinConns     int           `mapstructure:"min_conns"`     // of them stay open without requests
	PerConn      int           `mapstructure:"per_conn"`      // requests in flight on one when another is opened
	MaxPerConn   int           `mapstructure:"max_per_conn"`  // requests in flight on one when no other may be opened
	IdleTimeout  time.Duration `mapstructure:"idle_timeout"`  // of those beyond MinConns
	Lifetime     time.Duration `mapstructure:"lifetime"`      // then one is replaced; below 0 is never
	DrainTimeout time.Duration `mapstructure:"drain_timeout"` // for the last answers on one that is replaced or whose node goes
	MaxDials     int           `mapstructure:"max_dials"`     // at a time, over all nodes
	DialTimeout  time.Duration `mapstructure:"dial_timeout"`
	BackoffMin   time.Duration `mapstructure:"backoff_min"` // before a new dial, at random up to so much
	BackoffMax   time.Duration `mapstructure:"backoff_max"` // it doubles with each failure up to so much
	Heartbeat    Heartbeat     `mapstructure:"heartbeat"`
}

// Heartbeat says how each node is watched.
type Heartbeat struct {
	Interval time.Duration `mapstructure:"interval"`
	Timeout  time.Duration `mapstructure:"timeout"` // for the answer
	Misses   int           `mapstructure:"misses"`  // so many in a row take a node offline
}

// Calls are the policies for everything that is asked of a target's nodes,
// whoever asks. Zero values leave the choice to package guard.
type Calls struct {
	Query Policy `mapstructure:"query"` // reads
	Write Policy `mapstructure:"write"` // transactions
	// RetryShare bounds retries and hedges to a share of the calls; -1 is none.
	RetryShare float64 `mapstructure:"retry_share"`
	// Hedge sends a read that takes longer than 95 % of its kind to a second node as well.
	Hedge bool  `mapstructure:"hedge"`
	Cache Cache `mapstructure:"cache"`
}

// Policy bounds the calls of one class.
type Policy struct {
	ConnectTimeout time.Duration `mapstructure:"connect_timeout"` // the wait for a connection
	AnswerTimeout  time.Duration `mapstructure:"answer_timeout"`  // one attempt, its waits included
	Retries        int           `mapstructure:"retries"`         // further attempts; -1 is none
	BackoffMin     time.Duration `mapstructure:"backoff_min"`     // before the first retry, at random up to so much
	BackoffMax     time.Duration `mapstructure:"backoff_max"`     // it doubles with each retry up to so much
	Rate           float64       `mapstructure:"rate"`            // attempts a second to all nodes; 0 is no limit
	Burst          int           `mapstructure:"burst"`           // attempts at once under Rate
	NodeRate       float64       `mapstructure:"node_rate"`       // the same for each node
	NodeBurst      int           `mapstructure:"node_burst"`
	InFlight       int           `mapstructure:"in_flight"` // attempts at a time
	// WhenFull is what becomes of a call that finds one of these limits reached:
	// "wait" as long as its deadline allows, which is also the default, or "refuse".
	WhenFull string  `mapstructure:"when_full"`
	Breaker  Breaker `mapstructure:"breaker"`
}

// The values of Policy.WhenFull.
const (
	WhenFullWait   = "wait"
	WhenFullRefuse = "refuse"
)

// Breaker says when a node is left alone by a class of calls.
type Breaker struct {
	Failures int           `mapstructure:"failures"` // so many of the last Window open it, or so many in a row
	Window   int           `mapstructure:"window"`
	OpenFor  time.Duration `mapstructure:"open_for"`
	Probes   int           `mapstructure:"probes"` // attempts that must succeed to close it again
}

// Cache bounds what is kept of answers.
type Cache struct {
	// Disabled keeps nothing.
	Disabled bool     `mapstructure:"disabled"`
	Size     ByteSize `mapstructure:"size"` // memory of the answers
	// HeadBoundFor bounds for how long an answer holds that depends on the newest block.
	HeadBoundFor time.Duration `mapstructure:"head_bound_for"`
	// StaleFor bounds the age of answers for callers that allow outdated ones.
	StaleFor time.Duration `mapstructure:"stale_for"`
}
