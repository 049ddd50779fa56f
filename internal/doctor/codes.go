package doctor

// Code says what was seen. The list is closed; vocabulary.go has the texts.
type Code string

// Accounts and files.
const (
	AccountOK         Code = "account_ok"
	AccountNew        Code = "account_new"        // gateway serve makes it
	AccountMissing    Code = "account_missing"    // no file
	AccountUnreadable Code = "account_unreadable" // the system does not let us
	AccountDamaged    Code = "account_damaged"    // no private key of a chain account
	AccountGM         Code = "account_gm"         // an SM2 key for a standard ledger
	AccountStandard   Code = "account_standard"   // a secp256k1 key for a GM ledger

	FilesOK              Code = "files_ok"
	FilesPlain           Code = "files_plain"  // TLS is switched off
	FileMissing          Code = "file_missing" // any of the three
	FileUnreadable       Code = "file_unreadable"
	CertificateNotPEM    Code = "certificate_not_pem"
	CertificateDamaged   Code = "certificate_damaged"
	CertificateGM        Code = "certificate_gm"
	CertificateSecp256k1 Code = "certificate_secp256k1"
	CertificateExpired   Code = "certificate_expired"
	CertificateEarly     Code = "certificate_early"    // not valid yet
	CertificateExpiring  Code = "certificate_expiring" // within 30 days
	CertificateForeign   Code = "certificate_foreign"  // not of the CA
	KeyNotPEM            Code = "key_not_pem"
	KeyEncrypted         Code = "key_encrypted"
	KeyDamaged           Code = "key_damaged"
	KeyGM                Code = "key_gm"
	KeySecp256k1         Code = "key_secp256k1" // the key of an account, for example
	KeyMismatch          Code = "key_mismatch"  // not that of the certificate
	FilesUnusable        Code = "files_unusable"
)

// The way to the node.
const (
	AddressInvalid Code = "address_invalid"
	NameUnknown    Code = "name_unknown"
	PortOpen       Code = "port_open"
	PortClosed     Code = "port_closed"
	PortSilent     Code = "port_silent" // nothing answers to the connection
	Unreachable    Code = "unreachable"
	Interrupted    Code = "interrupted" // the examination was ended

	ProtocolOK   Code = "protocol_ok"
	NoAnswer     Code = "no_answer"     // connected, and then nothing
	Node2RPC     Code = "node2_rpc"     // the JSON-RPC port of a 2.x node
	Node2Channel Code = "node2_channel" // the channel port of a 2.x node
	Web3Port     Code = "web3_port"
	NotNode      Code = "not_node" // something else

	TLSOK                   Code = "tls_ok"
	PlainOK                 Code = "plain_ok"
	TLSNotSpoken            Code = "tls_not_spoken" // a 3.x node without TLS
	NotTLS                  Code = "not_tls"        // nor a node that we know
	NeedsTLS                Code = "needs_tls"
	TLSVersion              Code = "tls_version"
	TLSFailed               Code = "tls_failed"
	TLSRefused              Code = "tls_refused" // the peer finds nothing in common
	GMTLS                   Code = "gm_tls"
	NodeCertificateForeign  Code = "node_certificate_foreign" // not of our CA
	NodeCertificateExpired  Code = "node_certificate_expired"
	NodeCertificateEarly    Code = "node_certificate_early"
	NodeCertificateExpiring Code = "node_certificate_expiring"
	OwnCertificateRefused   Code = "own_certificate_refused"
	OwnCertificateForeign   Code = "own_certificate_foreign" // the node's CA did not issue it
	OwnCertificateExpired   Code = "own_certificate_expired" // by the node's clock
	NotExamined             Code = "not_examined"            // because of the files
)

// The chain and the node.
const (
	GroupOK      Code = "group_ok"
	WrongChain   Code = "wrong_chain" // the group has another chain id
	WrongGroup   Code = "wrong_group"
	NoGroup      Code = "no_group" // the node serves none (yet)
	WASM         Code = "wasm"     // contracts are WASM
	NoUsableNode Code = "no_usable_node"

	NodeStandard  Code = "node_standard"  // its version; a standard ledger
	NodeGM        Code = "node_gm"        // its version; a GM ledger
	NodeSilent    Code = "node_silent"    // it stopped answering
	RequestFailed Code = "request_failed" // it does not answer one question

	SealerOK     Code = "sealer_ok"
	ObserverOK   Code = "observer_ok"
	NotMember    Code = "not_member"
	NoQuorum     Code = "no_quorum"     // blocks cannot be made
	PeersMissing Code = "peers_missing" // blocks can be made

	HeadOK         Code = "head_ok"
	NodeBehind     Code = "node_behind" // another node of the target is ahead
	PeersAhead     Code = "peers_ahead" // by what it says itself
	GenesisDiffers Code = "genesis_differs"
	BlockDiffers   Code = "block_differs"
	ChainOK        Code = "chain_ok"

	ClockOK   Code = "clock_ok"
	ClockFast Code = "clock_fast" // a block from the future
	ClockSlow Code = "clock_slow" // a new block from the past

	PoolOK        Code = "pool_ok"
	PoolLarge     Code = "pool_large"
	BlockLimitOK  Code = "block_limit_ok"
	BlockLimitOff Code = "block_limit_off"
	ProbeUnclear  Code = "probe_unclear"
)
