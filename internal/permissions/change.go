package permissions

import (
	"context"
	"fmt"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
)

// Change is one wanted change: what it is in words, and the transaction for it.
// It does not change and can be made more than once.
type Change struct {
	What   string // what will be done, for example "freeze contract 0x…"
	Effect string // what follows from it, a sentence; may be empty
	Final  bool   // nobody can undo it

	needs     role
	contract  common.Address // whose administrator is needed
	needsList bool           // the deploy type must not be none
	intent    chain.Intent
	result    func(chain.Receipt) (*system.Decision, error)
}

// role is who may make a change.
type role int

const (
	governor role = iota
	administrator
)

// change is a write, of whose result only a decision matters.
func change[T any](w system.Write[T], err error, decision func(T) *system.Decision) (Change, error) {
	if err != nil {
		return Change{}, err
	}
	return Change{intent: w.Intent, result: func(r chain.Receipt) (*system.Decision, error) {
		v, err := w.Result(r)
		return decision(v), err
	}}, nil
}

func plain(w system.Write[system.None], err error) (Change, error) {
	return change(w, err, func(system.None) *system.Decision { return nil })
}

// voting is a write that makes or decides a proposal.
func voting(w system.Write[system.Decision], err error) (Change, error) {
	return change(w, err, func(d system.Decision) *system.Decision {
		if d.ID == 0 {
			return nil
		}
		return &d
	})
}

// described gives a change its words.
func (c Change) described(err error, effect, what string, args ...any) (Change, error) {
	if err != nil {
		return Change{}, err
	}
	c.What, c.Effect = fmt.Sprintf(what, args...), effect
	return c, nil
}

// DeployType proposes how the list of deployers is meant. The proposal stays open
// for a number of blocks, as all do.
func (p *Permissions) DeployType(t system.AuthType, blocks uint64) (Change, error) {
	c, err := voting(p.contracts.Committee().ProposeDeployAuthType(t, blocks))
	effect := "Then everybody may deploy."
	switch t {
	case system.AuthWhiteList:
		effect = "Then only accounts on the white list may deploy; governors are not on it by themselves, and it is empty at first."
	case system.AuthBlackList:
		effect = "Then everybody may deploy but the accounts on the black list, which is empty at first."
	}
	return c.described(err, effect, "propose the deploy type %s", t)
}

// DeployAuth proposes that an account may deploy, or may not.
func (p *Permissions) DeployAuth(account common.Address, allow bool, blocks uint64) (Change, error) {
	c, err := voting(p.contracts.Committee().ProposeDeployAuth(account, allow, blocks))
	c.needsList = true
	return c.described(err, "", "propose that account %s %s deploy", account.Hex(), may(allow))
}

// Admin proposes another administrator of a contract.
func (p *Permissions) Admin(contract, admin common.Address, blocks uint64) (Change, error) {
	c, err := voting(p.contracts.Committee().ProposeAdmin(admin, contract, blocks))
	return c.described(err, "Then the administrator until now has no say over the contract any more.",
		"propose account %s as the administrator of contract %s", admin.Hex(), contract.Hex())
}

// Vote votes for or against a proposal.
func (p *Permissions) Vote(id uint64, agree bool) (Change, error) {
	c, err := voting(p.contracts.Committee().Vote(id, agree))
	side := "for"
	if !agree {
		side = "against"
	}
	return c.described(err, "A vote cannot be changed.", "vote %s proposal %d", side, id)
}

// Revoke takes back a proposal of the sender.
func (p *Permissions) Revoke(id uint64) (Change, error) {
	c, err := plain(p.contracts.Committee().Revoke(id))
	return c.described(err, "", "revoke proposal %d", id)
}

// MethodType gives a method a white or a black list.
func (p *Permissions) MethodType(contract common.Address, m Method, t system.AuthType) (Change, error) {
	c, err := plain(p.contracts.AuthManager().SetMethodAuthType(contract, m.Selector, t))
	effect := "Then only accounts on the white list may call it."
	if t == system.AuthBlackList {
		effect = "Then everybody may call it but the accounts on the black list."
	}
	return c.of(contract).described(err, effect, "give method %s of contract %s a %s", m, contract.Hex(), t)
}

// MethodAuth lets an account call a method, or not.
func (p *Permissions) MethodAuth(contract common.Address, m Method, account common.Address, allow bool) (Change, error) {
	open := p.contracts.AuthManager().OpenMethodAuth
	if !allow {
		open = p.contracts.AuthManager().CloseMethodAuth
	}
	c, err := plain(open(contract, m.Selector, account))
	return c.of(contract).described(err, "", "set that account %s %s call method %s of contract %s", account.Hex(), may(allow), m, contract.Hex())
}

// ContractStatus freezes a contract, makes it normal again, or abolishes it.
func (p *Permissions) ContractStatus(contract common.Address, s system.Status) (Change, error) {
	if s == system.StatusAbolished {
		c, err := plain(p.contracts.AuthManager().SetContractStatus(contract, s))
		c.Final = true
		return c.of(contract).described(err, "Then nobody can call it any more, for ever.", "abolish contract %s", contract.Hex())
	}
	c, err := plain(p.contracts.AuthManager().SetContractFrozen(contract, s == system.StatusFrozen))
	if s == system.StatusFrozen {
		return c.of(contract).described(err, "Then nobody can call it until it is unfrozen.", "freeze contract %s", contract.Hex())
	}
	return c.of(contract).described(err, "", "unfreeze contract %s", contract.Hex())
}

// AccountStatus freezes an account, makes it normal again, or abolishes it.
func (p *Permissions) AccountStatus(account common.Address, s system.Status) (Change, error) {
	c, err := plain(p.contracts.AccountManager().SetStatus(account, s))
	switch s {
	case system.StatusFrozen:
		return c.described(err, "Then the chain takes no transaction of it until it is unfrozen.", "freeze account %s", account.Hex())
	case system.StatusAbolished:
		c.Final = true
		return c.described(err, "Then the chain takes no transaction of it any more, for ever.", "abolish account %s", account.Hex())
	}
	return c.described(err, "", "unfreeze account %s", account.Hex())
}

// of is a change that the administrator of a contract makes.
func (c Change) of(contract common.Address) Change {
	c.needs, c.contract = administrator, contract
	return c
}

func may(allow bool) string {
	if allow {
		return "may"
	}
	return "may not"
}

// Check looks, before anything is sent, whether the chain will take a change from
// an account: a *Refusal with who can make it when it will not. The chain still
// has the last word.
func (p *Permissions) Check(ctx context.Context, c Change, account common.Address) error {
	if err := p.RequireOn(ctx); err != nil {
		return err
	}
	if c.needs == administrator {
		return p.checkAdmin(ctx, c.contract, account)
	}
	if err := p.checkGovernor(ctx, account); err != nil || !c.needsList {
		return err
	}
	t, err := p.contracts.AuthManager().DeployAuthType(ctx)
	if err == nil && t == system.AuthNone {
		return &Refusal{Reason: "NoDeployList", What: "The deploy type is none: everybody may deploy, and there is no list to put an account on.",
			Advice: "A governor chooses the kind of list first: " + auth + " deploy type white|black."}
	}
	return err
}

func (p *Permissions) checkGovernor(ctx context.Context, account common.Address) error {
	is, err := p.contracts.Committee().IsGovernor(ctx, account)
	switch {
	case noCommittee(err):
		return &Refusal{Reason: "NoCommittee", What: noCommitteeWhat, Advice: noCommitteeAdvice, Err: err}
	case err != nil || is:
		return err
	}
	info, err := p.contracts.Committee().Info(ctx)
	if err != nil {
		return err
	}
	return &Refusal{Reason: "NotGovernor", What: fmt.Sprintf("Account %s is not a governor; only governors may do this.", account.Hex()),
		Advice: fmt.Sprintf("One of them can, with the same command: %s.", governorList(info.Governors))}
}

func (p *Permissions) checkAdmin(ctx context.Context, contract, account common.Address) error {
	admin, err := p.contracts.AuthManager().Admin(ctx, contract)
	switch {
	case err != nil:
		return Explain(err)
	case admin == common.Address{}:
		return &Refusal{Reason: "NoAdmin", What: fmt.Sprintf("The chain knows no administrator of %s: there is no contract, or it was deployed before permissions were switched on.", contract.Hex()),
			Advice: "Check the address. For an older contract: " + haveReset}
	case admin != account:
		return &Refusal{Reason: "NotAdmin", What: fmt.Sprintf("Account %s is not the administrator of contract %s, who alone may do this.", account.Hex(), contract.Hex()),
			Advice: fmt.Sprintf("The administrator, account %s, can, with the same command. %s", admin.Hex(), haveReset)}
	}
	return nil
}

const (
	noCommitteeWhat   = "The chain has no committee, so that nobody can decide about permissions."
	noCommitteeAdvice = "It is made by calling initAuth(string) of 0x1005 with the address of the first governor."
)

// Make sends a change. The receipt is there also when the chain refused, with the
// zero value when there is none; a refusal is a *Refusal where it is known.
// decision is that of a proposal or a vote, nil for any other change; with a
// refusal it says that the proposal passed and that it could not be done.
func (p *Permissions) Make(ctx context.Context, t system.Transactor, c Change) (decision *system.Decision, r chain.Receipt, err error) {
	if r, err = t.Transact(ctx, c.intent); err != nil {
		return nil, r, err
	}
	decision, err = c.result(r)
	return decision, r, Explain(err)
}
