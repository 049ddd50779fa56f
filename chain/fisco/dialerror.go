package fisco

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"syscall"

	"github.com/bcosgate/bcosgate/chain"
)

// DialReason says what stands between us and a node.
type DialReason string

// The reasons that Dial can tell apart, each with its kind.
const (
	ReasonAddress         DialReason = "address"            // the address is no host:port (KindInvalid)
	ReasonName            DialReason = "name"               // the host name is not known (KindUnavailable)
	ReasonPortClosed      DialReason = "port_closed"        // nothing listens there (KindUnavailable)
	ReasonUnreachable     DialReason = "unreachable"        // no route, or another network failure (KindUnavailable)
	ReasonTimeout         DialReason = "timeout"            // no answer in time (KindTimeout)
	ReasonCanceled        DialReason = "canceled"           // the caller gave up (KindCanceled)
	ReasonPlain           DialReason = "plain"              // we speak TLS, the node does not (KindProtocol)
	ReasonNeedsTLS        DialReason = "needs_tls"          // we speak plain, the node wants TLS (KindProtocol)
	ReasonTLSVersion      DialReason = "tls_version"        // no common TLS version or suite; a GM node, for example (KindProtocol)
	ReasonNodeCertificate DialReason = "node_certificate"   // our CA did not issue the node's certificate, or it has expired (KindDenied)
	ReasonOwnCertificate  DialReason = "own_certificate"    // the node refuses our certificate, or wants one (KindDenied)
	ReasonTLS             DialReason = "tls"                // the TLS handshake failed otherwise (KindProtocol)
	ReasonNotWebSocket    DialReason = "not_websocket"      // HTTP, but no WebSocket: not the native RPC port (KindProtocol)
	ReasonNotFISCO        DialReason = "not_fisco"          // no FISCO BCOS 3.x handshake (KindProtocol)
	ReasonWrongChain      DialReason = "wrong_chain"        // another chain or group (KindWrongChain)
	ReasonUnsupported     DialReason = "unsupported_ledger" // a WASM ledger (KindUnsupported)
)

// DialError is the cause inside the *chain.Error of a Dial that failed.
type DialError struct {
	Reason DialReason
	Err    error // what the library said, may be nil
}

// Error gives the reason and the library's text.
func (e *DialError) Error() string {
	if e.Err == nil {
		return string(e.Reason)
	}
	return string(e.Reason) + ": " + e.Err.Error()
}

// Unwrap gives the library's error.
func (e *DialError) Unwrap() error { return e.Err }

// Alert is the number of the TLS alert with which the peer ended the handshake
// (RFC 5246 §7.2, for example 48 for a CA that it does not know); false when it
// sent none.
func (e *DialError) Alert() (uint8, bool) { return remoteAlert(e.Err) }

// dialFailure makes the border error of a dial. Nothing of a transaction was sent.
func dialFailure(node string, kind chain.Kind, reason DialReason, msg string, err error) error {
	return &chain.Error{Kind: kind, Sent: chain.SentNo, Op: "dial", Node: node, Msg: msg, Err: &DialError{Reason: reason, Err: err}}
}

// timeFailure explains err if a deadline or a cancellation ended the dial.
func timeFailure(ctx context.Context, node, doing string, err error) error {
	if errors.Is(ctx.Err(), context.Canceled) {
		return dialFailure(node, chain.KindCanceled, ReasonCanceled, "given up while "+doing, err)
	}
	if ctx.Err() != nil || isTimeout(err) {
		return dialFailure(node, chain.KindTimeout, ReasonTimeout, "no answer in time while "+doing+": is there a firewall between, is the node overloaded?", err)
	}
	return nil
}

// Windows has numbers of its own for these, which errors.Is does not know.
const (
	wsaReset   syscall.Errno = 10054
	wsaRefused syscall.Errno = 10061
)

func isErrno(err error, unix, windows syscall.Errno) bool {
	errno, ok := errors.AsType[syscall.Errno](err)
	return ok && (errno == unix || errno == windows)
}

// isTimeout knows all forms of a deadline that passed; net.Error is one of them,
// and context.DeadlineExceeded is a net.Error.
func isTimeout(err error) bool {
	e, ok := errors.AsType[net.Error](err)
	return ok && e.Timeout()
}

func tcpFailure(ctx context.Context, node string, err error) error {
	if _, ok := errors.AsType[*net.AddrError](err); ok {
		return dialFailure(node, chain.KindInvalid, ReasonAddress, "the address must be host:port", err)
	}
	if dns, ok := errors.AsType[*net.DNSError](err); ok && !dns.IsTimeout && ctx.Err() == nil {
		return dialFailure(node, chain.KindUnavailable, ReasonName, "the host name is not known", err)
	}
	if isErrno(err, syscall.ECONNREFUSED, wsaRefused) {
		return dialFailure(node, chain.KindUnavailable, ReasonPortClosed, "nothing listens there: is the node running, and is this [rpc] listen_port of its config.ini?", err)
	}
	if failure := timeFailure(ctx, node, "connecting", err); failure != nil {
		return failure
	}
	return dialFailure(node, chain.KindUnavailable, ReasonUnreachable, "the node cannot be reached", err)
}

// Alerts of a peer that refuse our certificate (RFC 8446 §6; 41 is of SSL 3.0),
// and those that find nothing in common.
var (
	certificateAlerts = map[uint8]bool{40: true, 41: true, 42: true, 43: true, 44: true, 45: true, 46: true, 48: true, 49: true, 116: true}
	versionAlerts     = map[uint8]bool{70: true, 71: true, 86: true}
)

func tlsFailure(ctx context.Context, node string, own *tls.Config, err error) error {
	if failure := timeFailure(ctx, node, "making TLS", err); failure != nil {
		return failure
	}
	if header, ok := errors.AsType[tls.RecordHeaderError](err); ok {
		msg := "the node does not speak TLS: switch TLS off for this target, or set enable_ssl=true in the node's config.ini"
		if string(header.RecordHeader[:4]) == "HTTP" {
			msg = "the node answers plain HTTP: switch TLS off for this target, or set enable_ssl=true in the node's config.ini"
		}
		return dialFailure(node, chain.KindProtocol, ReasonPlain, msg, err)
	}
	if isCertificateError(err) {
		msg := "the node's certificate does not fit the configured CA: take ca.crt from the sdk folder of this chain"
		if invalid, ok := errors.AsType[x509.CertificateInvalidError](err); ok && invalid.Reason == x509.Expired {
			msg = "the node's certificate has expired or is not valid yet: check the clocks, or renew it"
		}
		return dialFailure(node, chain.KindDenied, ReasonNodeCertificate, msg, err)
	}
	if alert, ok := remoteAlert(err); ok {
		switch {
		case versionAlerts[alert]:
			return dialFailure(node, chain.KindProtocol, ReasonTLSVersion, "no common TLS version: 3.x nodes speak TLS 1.2 exactly", err)
		case certificateAlerts[alert] && len(own.Certificates) == 0 && own.GetClientCertificate == nil:
			return dialFailure(node, chain.KindDenied, ReasonOwnCertificate, "the node wants a client certificate: configure sdk.crt and sdk.key", err)
		case certificateAlerts[alert]:
			return dialFailure(node, chain.KindDenied, ReasonOwnCertificate, "the node refuses our certificate: sdk.crt must come from the CA of this chain and be valid; a GM node refuses every standard one", err)
		}
		return dialFailure(node, chain.KindProtocol, ReasonTLS, "the node broke off the TLS handshake", err)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) || isErrno(err, syscall.ECONNRESET, wsaReset) {
		return dialFailure(node, chain.KindProtocol, ReasonTLS, "the node closed the connection during the TLS handshake: is it a GM node (sm_ssl=true), or no RPC port at all?", err)
	}
	return dialFailure(node, chain.KindProtocol, ReasonTLS, "the TLS handshake failed", err)
}

func isCertificateError(err error) bool {
	if _, ok := errors.AsType[*tls.CertificateVerificationError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.UnknownAuthorityError](err); ok {
		return true
	}
	if _, ok := errors.AsType[x509.HostnameError](err); ok {
		return true
	}
	_, ok := errors.AsType[x509.CertificateInvalidError](err)
	return ok
}

// remoteAlert gives the number of the alert with which the peer ended the handshake.
func remoteAlert(err error) (uint8, bool) {
	op, ok := errors.AsType[*net.OpError](err)
	if !ok || op.Op != "remote error" {
		return 0, false
	}
	// crypto/tls does not export the type of an alert, a uint8; its number is
	// better than its text.
	v := reflect.ValueOf(op.Err)
	if v.Kind() != reflect.Uint8 {
		return 0, false
	}
	return uint8(v.Uint()), true
}

// upgradeFailure explains a WebSocket upgrade that failed. first are the first
// bytes of the peer's answer, status is the HTTP status or 0.
func upgradeFailure(ctx context.Context, node string, withTLS bool, first []byte, status int, err error) error {
	switch {
	case !withTLS && len(first) >= 2 && (first[0] == 0x15 || first[0] == 0x16) && (first[1] == 3 || first[1] == 1):
		return dialFailure(node, chain.KindProtocol, ReasonNeedsTLS, "the node speaks TLS: configure ca.crt, sdk.crt and sdk.key for this target", err)
	case !withTLS && status == http.StatusBadRequest: // Go servers answer so on a TLS port
		return dialFailure(node, chain.KindProtocol, ReasonNeedsTLS, "it refuses to speak plain (HTTP status 400): configure ca.crt, sdk.crt and sdk.key for this target if its port has TLS", err)
	case status != 0:
		return dialFailure(node, chain.KindProtocol, ReasonNotWebSocket, fmt.Sprintf("it answers HTTP (status %d) but no WebSocket: this is not the native RPC port ([rpc] listen_port); the Web3 port is none", status), err)
	}
	if failure := timeFailure(ctx, node, "opening the WebSocket", err); failure != nil {
		return failure
	}
	if len(first) > 0 {
		return dialFailure(node, chain.KindProtocol, ReasonNotFISCO, "what listens there does not speak HTTP: a p2p port, or the channel port of a 2.x node?", err)
	}
	if alert, ok := remoteAlert(err); ok && certificateAlerts[alert] { // with TLS 1.3 it comes after the handshake
		return dialFailure(node, chain.KindDenied, ReasonOwnCertificate, "the node refuses our certificate, or wants one: configure sdk.crt and sdk.key of this chain", err)
	}
	msg := "it closed the connection at the WebSocket upgrade: a p2p port, or the channel port of a 2.x node?"
	if !withTLS {
		msg = "it closed the connection at once: it may want TLS (configure ca.crt, sdk.crt and sdk.key), or this is not the RPC port"
	}
	return dialFailure(node, chain.KindProtocol, ReasonNotWebSocket, msg, err)
}
