// Package permissions is the permission management of a FISCO BCOS 3.x chain as
// people use it: it reads who may do what, checks and makes changes, and says in
// plain English what a state, a proposal or a refusal means.
//
// It never signs, opens a connection or knows a flag: a chain.Caller answers the
// reads and a system.Transactor sends the changes.
package permissions

import (
	"context"
	"fmt"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/result"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
)

// Node is what a chain is read through.
type Node interface {
	chain.Caller
	// GetSystemConfigByKey reads a setting of the chain; KindNotFound when it has none.
	GetSystemConfigByKey(ctx context.Context, key string) (result.SystemConfig, error)
	// Group is what the node says of the group.
	Group() result.GroupInfo
}

// Permissions reads and changes the permissions of one group. It is safe for
// concurrent use.
type Permissions struct {
	node      Node
	suite     suite.Suite
	contracts *system.Contracts
}

// New is for the group of node, whose ledger has the suite.
func New(node Node, s suite.Suite) *Permissions {
	return &Permissions{node: node, suite: s, contracts: system.New(node, s)}
}

// Method is a method of a contract. Signature is empty when only the selector is
// known, which is that of the ledger's suite.
type Method struct {
	Signature string
	Selector  [4]byte
}

// MethodOf is the method of a canonical signature on this chain.
func (p *Permissions) MethodOf(signature string) Method {
	return Method{Signature: signature, Selector: p.suite.Selector(signature)}
}

// String is signature and selector.
func (m Method) String() string {
	if m.Signature == "" {
		return fmt.Sprintf("0x%x", m.Selector)
	}
	return fmt.Sprintf("%s (0x%x)", m.Signature, m.Selector)
}

// Mode says whether the chain checks permissions at all.
type Mode struct {
	On      bool   `json:"on"`
	Setting string `json:"authCheckStatus,omitempty"` // of the chain; empty when it has none, as before 3.3
	Genesis bool   `json:"isAuthCheck"`               // a node of the group says so
}

const settingAuth = "auth_check_status"

// Mode reads it: the setting of the chain where it has one, else what the nodes
// say of the genesis file.
func (p *Permissions) Mode(ctx context.Context) (Mode, error) {
	var mode Mode
	for _, node := range p.node.Group().NodeList {
		if ini, err := node.Ini(); err == nil && ini.IsAuthCheck {
			mode.Genesis = true
		}
	}
	setting, err := p.node.GetSystemConfigByKey(ctx, settingAuth)
	switch {
	case chain.Is(err, chain.KindNotFound):
		mode.On = mode.Genesis
	case err != nil:
		return Mode{}, err
	default:
		mode.Setting, mode.On = setting.Value, setting.Value != "0"
	}
	return mode, nil
}

// RequireOn is a *Refusal when the chain checks no permissions.
func (p *Permissions) RequireOn(ctx context.Context) error {
	mode, err := p.Mode(ctx)
	if err != nil {
		return err
	}
	if !mode.On {
		return &Refusal{Reason: "NoAuth", What: offWhat, Advice: offAdvice}
	}
	return nil
}

// sentence says the mode.
func (m Mode) sentence() string {
	switch {
	case !m.On:
		return offWhat + " " + offAdvice
	case m.Setting != "":
		return fmt.Sprintf("Permissions are on (%s is %s).", settingAuth, m.Setting)
	}
	return "Permissions are on (is_auth_check of the genesis file)."
}

const (
	offWhat   = "This chain has no permission management: it is not an auth chain, and every account may deploy and call everything."
	offAdvice = "It is switched on before a chain is made, with is_auth_check=true and auth_admin_account in [executor] of the genesis file; or on a running chain of data version 3.3 or newer by calling initAuth(string) of 0x1005 with the address of the first governor, and then setting auth_check_status to 1."
)

// noCommittee reports that the chain has nobody who could decide.
func noCommittee(err error) bool { return chain.Is(err, chain.KindUnsupported) }
