package doctor

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"net"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/bcosgate/bcosgate/chain/fisco"
)

// TLS alerts that say why a peer refuses a certificate (RFC 5246 §7.2).
const (
	alertHandshakeFailure   = 40
	alertCertificateExpired = 45
	alertUnknownCA          = 48
)

// dialFailed turns the failure of a dial into findings: what worked first, then
// what did not, as exactly as a few more questions to the port can tell.
func (n *node) dialFailed(ctx context.Context, err error) {
	why, ok := errors.AsType[*fisco.DialError](err)
	if !ok {
		n.add(NotNode, Details{"error": err.Error()})
		return
	}
	details := Details{}
	if why.Err != nil {
		details["error"] = why.Err.Error()
	}
	if code, closed := portCodes[why.Reason]; closed {
		n.add(code, details)
		return
	}
	if op, ok := errors.AsType[*net.OpError](why.Err); ok && why.Reason == fisco.ReasonTimeout && op.Op == "dial" {
		n.add(PortSilent, details)
		return
	}
	n.add(PortOpen, nil)
	switch why.Reason {
	case fisco.ReasonTimeout:
		// A Web3 port of 3.16 takes the WebSocket and stays silent at the handshake.
		if s := identifyPlain(ctx, n.address); s.code != "" && s.code != TLSNotSpoken {
			n.add(s.code, s.details)
			return
		}
		n.add(NoAnswer, details)
	case fisco.ReasonWrongChain:
		n.wrongGroup(ctx)
	case fisco.ReasonUnsupported:
		n.tlsSeen()
		n.add(ProtocolOK, nil)
		n.add(WASM, nil)
	case fisco.ReasonNodeCertificate:
		n.nodeCertificate(why.Err, details)
	case fisco.ReasonOwnCertificate, fisco.ReasonTLSVersion, fisco.ReasonTLS, fisco.ReasonPlain:
		n.tlsFailed(ctx, why, details)
	case fisco.ReasonNeedsTLS, fisco.ReasonNotWebSocket, fisco.ReasonNotFISCO:
		n.notNode(ctx, why, details)
	default:
		n.add(NotNode, details)
	}
}

// portCodes are the reasons that end before the port is open.
var portCodes = map[fisco.DialReason]Code{
	fisco.ReasonAddress:     AddressInvalid,
	fisco.ReasonName:        NameUnknown,
	fisco.ReasonPortClosed:  PortClosed,
	fisco.ReasonUnreachable: Unreachable,
	fisco.ReasonCanceled:    Interrupted,
}

// tlsFailed is for a TLS handshake that the peer ended or never began.
func (n *node) tlsFailed(ctx context.Context, why *fisco.DialError, details Details) {
	alert, alerted := why.Alert()
	looked := n.seen.unwanted.Load() || alerted && alert != alertHandshakeFailure // at our certificate
	if why.Reason != fisco.ReasonOwnCertificate || !looked {
		if s := n.identify(ctx, why.Reason == fisco.ReasonPlain); s.code != "" {
			n.add(s.code, s.details)
			return
		}
	}
	switch {
	case why.Reason == fisco.ReasonPlain:
		n.add(NotTLS, details)
	case why.Reason == fisco.ReasonTLSVersion:
		n.add(TLSVersion, details)
	case why.Reason == fisco.ReasonTLS:
		n.add(TLSFailed, details)
	case n.target.tls == nil: // the files are not in order, so none was shown
		n.add(NotExamined, nil)
	case n.seen.unwanted.Load() || alerted && alert == alertUnknownCA:
		n.add(OwnCertificateForeign, details)
	case alerted && alert == alertHandshakeFailure: // a 3.x node says this only to a client without certificate
		n.add(TLSRefused, details)
	case alerted && alert == alertCertificateExpired:
		n.add(OwnCertificateExpired, details)
	default:
		n.add(OwnCertificateRefused, details)
	}
}

// identify asks the port what it is. What has answered without TLS is not asked
// for a TLS of another kind.
func (n *node) identify(ctx context.Context, plain bool) service {
	if s := identifyPlain(ctx, n.address); s.code != "" || s.http || plain {
		return s
	}
	return identifyTLS(ctx, n.address)
}

// notNode is for a port that the WebSocket or the handshake failed on.
func (n *node) notNode(ctx context.Context, why *fisco.DialError, details Details) {
	if n.conf != nil {
		n.tlsSeen()
		n.add(NotNode, details)
		return
	}
	s := n.identify(ctx, false)
	switch {
	case s.tls || s.code == "" && why.Reason == fisco.ReasonNeedsTLS:
		n.add(NeedsTLS, details)
	case s.code == "" || s.code == TLSNotSpoken: // it is a node, but its WebSocket failed
		n.add(NotNode, details)
	default:
		n.add(s.code, s.details)
	}
}

// nodeCertificate is for a certificate of the node that we do not accept.
func (n *node) nodeCertificate(err error, details Details) {
	cert := n.seen.leaf()
	invalid, ok := errors.AsType[x509.CertificateInvalidError](err)
	if cert == nil {
		n.add(TLSFailed, details)
		return
	}
	details["issuer"], details["ca"] = cert.Issuer.String(), n.target.cfg.TLS.CA
	details["until"], details["from"], details["now"] = day(cert.NotAfter), moment(cert.NotBefore), moment(time.Now())
	switch expired := ok && invalid.Reason == x509.Expired; {
	case expired && time.Now().Before(cert.NotBefore):
		n.add(NodeCertificateEarly, details)
	case expired:
		n.add(NodeCertificateExpired, details)
	default:
		n.add(NodeCertificateForeign, details)
	}
}

// wrongGroup says what the node serves instead of what is configured.
func (n *node) wrongGroup(ctx context.Context) {
	n.tlsSeen()
	n.add(ProtocolOK, nil)
	want := n.target.cfg
	details := Details{"chain": want.Chain, "group": want.Group}
	groups, err := servedGroups(ctx, n.address, n.conf)
	if err != nil {
		details["error"] = err.Error()
		n.add(WrongGroup, details)
		return
	}
	if len(groups) == 0 {
		n.add(NoGroup, details)
		return
	}
	served := make([]string, len(groups))
	for i, g := range groups {
		served[i] = g.Chain + "/" + g.Group
	}
	details["served"] = strings.Join(served, ", ")
	i := slices.IndexFunc(groups, func(g servedGroup) bool { return g.Group == want.Group })
	if i >= 0 {
		details["serves"] = groups[i].Chain
		n.add(WrongChain, details)
		return
	}
	n.add(WrongGroup, details)
}

// tlsSeen says that TLS worked, or that there is none.
func (n *node) tlsSeen() {
	if n.conf == nil {
		n.add(PlainOK, nil)
		return
	}
	n.add(TLSOK, nil)
	if cert := n.seen.leaf(); cert != nil {
		if f, soon := expiring(NodeCertificateExpiring, n.address, cert, time.Now()); soon {
			n.put(f)
		}
	}
}

// peer remembers what a node showed and wanted.
type peer struct {
	shown    atomic.Pointer[x509.Certificate] // the newest certificate
	unwanted atomic.Bool                      // it named the CAs that it takes, and ours is not among them
}

// leaf is the node's certificate, nil when it has shown none.
func (p *peer) leaf() *x509.Certificate { return p.shown.Load() }

// watched is a configuration that does the same and tells p about the peer; nil
// for nil.
func watched(conf *tls.Config, p *peer) *tls.Config {
	if conf == nil {
		return nil
	}
	check, ours := conf.VerifyConnection, conf.Certificates
	conf = conf.Clone()
	conf.VerifyConnection = func(state tls.ConnectionState) error {
		if len(state.PeerCertificates) > 0 {
			p.shown.Store(state.PeerCertificates[0])
		}
		if check == nil {
			return nil
		}
		return check(state)
	}
	conf.GetClientCertificate = func(wanted *tls.CertificateRequestInfo) (*tls.Certificate, error) {
		for i := range ours {
			if wanted.SupportsCertificate(&ours[i]) == nil {
				return &ours[i], nil
			}
		}
		p.unwanted.Store(len(ours) > 0)
		return new(tls.Certificate), nil // none is shown
	}
	return conf
}
