package nodeconf

import (
	"math"
	"time"
)

// Web3 is what [web3_rpc] says (protocol §9.1). The port is never TLS.
type Web3 struct {
	Listen          string // host:port; port 0 lets the system choose
	FilterTimeout   time.Duration
	FilterBlocks    int64 // looked at in one answer
	BatchLimit      int   // requests in one message
	BodyLimit       int64 // bytes of a message
	SyncTransaction bool  // eth_sendRawTransaction waits for the receipt
	CORS            *CORS // nil: no such headers
}

// CORS are the headers that let browsers use the port.
type CORS struct {
	Credentials bool
	Origins     string
	Methods     string
	Headers     string
	MaxAge      int // seconds
}

// web3 reads the section; nil when it does not enable the port.
func (f *file) web3() *Web3 {
	const section = "web3_rpc"
	if !f.boolean(section, "enable", false) {
		return nil
	}
	w := &Web3{
		Listen: f.address(section, "127.0.0.1", 8545, 0),
		// A year: far above any use, far below an overflow of time.Duration.
		FilterTimeout:   time.Duration(f.number(section, "filter_timeout", 300, 1, 31_536_000)) * time.Second,
		FilterBlocks:    f.number(section, "filter_max_process_block", 10, 1, math.MaxInt32),
		BatchLimit:      int(f.number(section, "batch_request_size_limit", 8, 1, 1_000_000)),
		BodyLimit:       f.number(section, "request_body_size_limit", 10_240_000, 1, 1<<30),
		SyncTransaction: f.boolean(section, "sync_transaction", false),
	}
	if f.boolean(section, "enable_cors", true) {
		w.CORS = &CORS{
			Credentials: f.boolean(section, "cors_allow_credentials", true),
			Origins:     f.text(section, "cors_allowed_origins", "*"),
			Methods:     f.text(section, "cors_allowed_methods", "GET, POST, OPTIONS"),
			Headers:     f.text(section, "cors_allowed_headers", "Content-Type, Authorization, X-Requested-With"),
			MaxAge:      int(f.number(section, "cors_max_age", 86_400, 0, math.MaxInt32)),
		}
	}
	return w
}
