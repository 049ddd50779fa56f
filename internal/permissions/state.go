package permissions

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
)

// Question says what a state is wanted of, besides the chain as a whole.
type Question struct {
	Account  *common.Address
	Contract *common.Address
	Method   *Method // of Contract
}

// State is what the chain says about permissions. When they are off there is
// nothing but the mode.
type State struct {
	Mode
	Committee  *Committee `json:"committee,omitempty"` // nil when the chain has none
	DeployType string     `json:"deployType,omitempty"`
	Account    *Account   `json:"account,omitempty"`
	Contract   *Contract  `json:"contract,omitempty"`
}

// Committee is the governors and their thresholds, as system.CommitteeInfo.
type Committee struct {
	Participation uint8      `json:"participationPercent"`
	Win           uint8      `json:"winPercent"`
	Governors     []Governor `json:"governors"`
}

// Governor is a member of the committee.
type Governor struct {
	Account common.Address `json:"account"`
	Weight  uint32         `json:"weight"`
}

// Account is what one account may do.
type Account struct {
	Address   common.Address `json:"address"`
	Governor  bool           `json:"governor"`
	MayDeploy bool           `json:"mayDeploy"`
	Status    string         `json:"status"`
}

// Contract is the state of one contract.
type Contract struct {
	Address common.Address  `json:"address"`
	Admin   *common.Address `json:"admin,omitempty"`  // nil when it has none
	Status  string          `json:"status,omitempty"` // empty when the chain keeps none
	Method  *MethodState    `json:"method,omitempty"`
}

// MethodState is who may call a method.
type MethodState struct {
	Signature string           `json:"signature,omitempty"`
	Selector  string           `json:"selector"`
	Type      string           `json:"type"` // of the list
	Allowed   []common.Address `json:"allowed"`
	Blocked   []common.Address `json:"blocked"`
	MayCall   *bool            `json:"mayCall,omitempty"` // the account of the question
}

// Look reads the state. It takes a call or two for each thing that is asked for;
// they are not made at one block.
func (p *Permissions) Look(ctx context.Context, q Question) (State, error) {
	mode, err := p.Mode(ctx)
	state := State{Mode: mode}
	if err != nil || !mode.On {
		return state, err
	}
	if state.Committee, err = p.committee(ctx); err != nil {
		return State{}, err
	}
	t, err := p.contracts.AuthManager().DeployAuthType(ctx)
	if err != nil {
		return State{}, err
	}
	state.DeployType = t.String()
	if q.Account != nil {
		if state.Account, err = p.account(ctx, *q.Account, state.Committee); err != nil {
			return State{}, err
		}
	}
	if q.Contract != nil {
		if state.Contract, err = p.contract(ctx, q); err != nil {
			return State{}, err
		}
	}
	return state, nil
}

func (p *Permissions) committee(ctx context.Context) (*Committee, error) {
	info, err := p.contracts.Committee().Info(ctx)
	if noCommittee(err) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	c := &Committee{Participation: info.Participation, Win: info.Win, Governors: []Governor{}}
	for _, g := range info.Governors {
		c.Governors = append(c.Governors, Governor(g))
	}
	return c, nil
}

func (p *Permissions) account(ctx context.Context, address common.Address, c *Committee) (*Account, error) {
	may, err := p.contracts.AuthManager().HasDeployAuth(ctx, address)
	if err != nil {
		return nil, err
	}
	status, err := p.contracts.AccountManager().Status(ctx, address)
	if err != nil {
		return nil, err
	}
	a := &Account{Address: address, MayDeploy: may, Status: status.String()}
	if c != nil {
		for _, g := range c.Governors {
			a.Governor = a.Governor || g.Account == address
		}
	}
	return a, nil
}

func (p *Permissions) contract(ctx context.Context, q Question) (*Contract, error) {
	c := &Contract{Address: *q.Contract}
	admin, err := p.contracts.AuthManager().Admin(ctx, c.Address)
	if err != nil && !unknownContract(err) {
		return nil, err
	}
	if admin != (common.Address{}) {
		c.Admin = &admin
	}
	if c.Status, err = p.contractStatus(ctx, c.Address); err != nil {
		return nil, err
	}
	if q.Method == nil {
		return c, nil
	}
	list, err := p.contracts.AuthManager().MethodAuth(ctx, c.Address, q.Method.Selector)
	if err != nil {
		return nil, err
	}
	c.Method = &MethodState{Signature: q.Method.Signature, Selector: fmt.Sprintf("0x%x", q.Method.Selector), Type: list.Type.String(),
		Allowed: list.Allowed, Blocked: list.Blocked}
	if q.Account != nil {
		may, err := p.contracts.AuthManager().CheckMethodAuth(ctx, c.Address, q.Method.Selector, *q.Account)
		if err != nil {
			return nil, err
		}
		c.Method.MayCall = &may
	}
	return c, nil
}

// unknownContract reports whether the chain keeps no permissions for an address,
// which nodes say with a failure and not with a code.
func unknownContract(err error) bool {
	_, failed := errors.AsType[*system.StatusError](err)
	return failed && chain.Is(err, chain.KindNotFound, chain.KindInvalid)
}

// The receipt statuses of a contract that cannot be called (protocol §5.3).
const (
	statusFrozen    = 21
	statusAbolished = 24
)

// contractStatus asks whether a contract can be called. The chain has no function
// that tells frozen from abolished, but it answers a call of either differently,
// before it looks what is called.
func (p *Permissions) contractStatus(ctx context.Context, address common.Address) (string, error) {
	available, err := p.contracts.AuthManager().ContractAvailable(ctx, address)
	switch {
	case unknownContract(err):
		return "", nil
	case err != nil:
		return "", err
	case available:
		return system.StatusNormal.String(), nil
	}
	answer, err := p.node.Call(ctx, chain.CallMsg{To: address, Input: make([]byte, 4)})
	if err != nil {
		return "", err
	}
	switch answer.Status {
	case statusFrozen:
		return system.StatusFrozen.String(), nil
	case statusAbolished:
		return system.StatusAbolished.String(), nil
	}
	return "frozen or abolished", nil
}

// Sentences says the state in plain words, a line each.
func (s State) Sentences() []string {
	lines := []string{s.sentence()}
	if !s.On {
		return lines
	}
	lines = append(lines, s.Committee.sentences()...)
	switch s.DeployType {
	case system.AuthWhiteList.String():
		lines = append(lines, "Deploy type: white list. Only accounts on the list may deploy contracts.")
	case system.AuthBlackList.String():
		lines = append(lines, "Deploy type: black list. Everybody may deploy contracts but the accounts on the list.")
	default:
		lines = append(lines, "Deploy type: "+s.DeployType+". Everybody may deploy contracts.")
	}
	if s.Account != nil {
		lines = append(lines, s.Account.sentence())
	}
	if s.Contract != nil {
		lines = append(lines, s.Contract.sentences(s.Account)...)
	}
	return lines
}

func (c *Committee) sentences() []string {
	if c == nil {
		return []string{noCommitteeWhat + " " + noCommitteeAdvice}
	}
	lines := make([]string, 0, 1+len(c.Governors))
	lines = append(lines, fmt.Sprintf("Committee: %s. %s", counted(len(c.Governors), "governor"), c.threshold()))
	for _, g := range c.Governors {
		lines = append(lines, fmt.Sprintf("  %s, weight %d", g.Account.Hex(), g.Weight))
	}
	return lines
}

// threshold says when a proposal passes. Whoever makes one votes for it, so that
// the share of votes for it is 100 % at first.
func (c *Committee) threshold() string {
	if c.Participation == 0 {
		return "Any of them decides alone, at once."
	}
	return fmt.Sprintf("A proposal passes when governors with %d %% of all weight have voted, and %d %% of that is for it.", c.Participation, c.Win)
}

func (a *Account) sentence() string {
	text := fmt.Sprintf("Account %s: status %s, ", a.Address.Hex(), a.Status)
	if !a.Governor {
		text += "not "
	}
	text += "a governor, " + may(a.MayDeploy) + " deploy contracts."
	if !a.MayDeploy {
		text += " A governor can let it: " + auth + " deploy allow " + a.Address.Hex() + "."
	}
	return text
}

func (c *Contract) sentences(a *Account) []string {
	admin := "no administrator"
	if c.Admin != nil {
		admin = "administrator " + c.Admin.Hex()
	}
	if c.Status == "" {
		return []string{fmt.Sprintf("Contract %s: %s. The chain keeps no permissions for this address: there is no contract, or it was deployed before permissions were switched on.", c.Address.Hex(), admin)}
	}
	lines := []string{fmt.Sprintf("Contract %s: status %s, %s.", c.Address.Hex(), c.Status, admin)}
	if c.Method != nil {
		lines = append(lines, c.Method.sentence())
		if a != nil && c.Method.MayCall != nil {
			lines = append(lines, fmt.Sprintf("  Account %s %s call it.", a.Address.Hex(), may(*c.Method.MayCall)))
		}
	}
	return lines
}

func (m *MethodState) sentence() string {
	name := m.Selector
	if m.Signature != "" {
		name = m.Signature + " (" + m.Selector + ")"
	}
	switch m.Type {
	case system.AuthWhiteList.String():
		return fmt.Sprintf("Method %s: white list. Only these accounts may call it: %s.", name, accountList(m.Allowed))
	case system.AuthBlackList.String():
		return fmt.Sprintf("Method %s: black list. Everybody may call it but these accounts: %s.", name, accountList(m.Blocked))
	}
	return fmt.Sprintf("Method %s: no list. Everybody may call it.", name)
}

func accountList(list []common.Address) string {
	if len(list) == 0 {
		return "none"
	}
	words := make([]string, len(list))
	for i, a := range list {
		words[i] = a.Hex()
	}
	return strings.Join(words, ", ")
}

func governorList(list []system.Governor) string {
	accounts := make([]common.Address, len(list))
	for i, g := range list {
		accounts[i] = g.Account
	}
	return accountList(accounts)
}

// counted is a number with its noun.
func counted(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
