package permissions

import (
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/system"
	"github.com/bcosgate/bcosgate/contracts"
)

// Refusal is a "no" of the chain in plain words.
type Refusal struct {
	Reason string // short and fixed, for programs, for example "NoPermission"
	What   string // what it means, a sentence
	Advice string // who can change it, and with which command; a sentence
	Err    error  // what the chain said; nil when it was not asked to do it
}

// Error is what and advice.
func (r *Refusal) Error() string { return r.What + " " + r.Advice }

// Unwrap gives what the chain said.
func (r *Refusal) Unwrap() error { return r.Err }

// Where the codes and texts come from: the names that package system gives.
const (
	authManager    = "AuthManager"
	accountManager = "AccountManager"
	committee      = "Committee"
)

// rule says what one refusal means. Empty members fit everything; the first rule
// that fits counts.
type rule struct {
	code     system.Code // a return code (protocol §8.2)
	status   int         // a receipt's status (protocol §5.3)
	text     string      // must occur in the reason that the chain gives
	contract string      // by which system contract
	what     string
	advice   string
}

// The commands that the table sends people to.
const (
	auth         = "gateway chain auth"
	askGovernor  = "A governor can do it; " + auth + " show lists them."
	showContract = auth + " show --contract CONTRACT says who that is."
	haveReset    = "A governor can name an administrator: " + auth + " admin CONTRACT ACCOUNT."
)

// rules is the whole table.
var rules = []rule{
	{code: system.CodeNoPermission, contract: authManager,
		what:   "The account is not the administrator of the contract, who alone may change its methods and its status.",
		advice: "The administrator can do it; " + showContract + " " + haveReset},
	{code: system.CodeNoPermission, contract: accountManager,
		what: "The account is not a governor; only governors may change the status of accounts.", advice: askGovernor},
	{code: system.CodeNoPermission, contract: committee,
		what:   "The proposal passed, but the system contract that it concerns does not obey this committee.",
		advice: "Ask the operators of the chain whether the committee at 0x10001 was replaced; " + auth + " show lists its governors."},
	{code: system.CodeNoPermission,
		what:   "The account has no permission for this; on a chain with permissions the committee decides about settings, nodes and deployment.",
		advice: "A governor makes a proposal, for example with " + auth + " deploy allow ACCOUNT; " + auth + " show lists the governors."},

	{code: system.CodeNoTable, contract: authManager,
		what:   "The chain keeps no permissions for this address: there is no contract, or it was deployed before permissions were switched on.",
		advice: "Check the address. For an older contract: " + haveReset},
	{code: system.CodeInvalidAddress,
		what: "The chain does not take this address.", advice: "Check it with " + auth + " show --contract CONTRACT."},
	{code: system.CodeWrongSender,
		what: "The system contract takes this only from another contract of the chain, not from an account.", advice: askGovernor},
	{code: system.CodeNoAdminRow,
		what: "The contract has no administrator, so that nobody may change its permissions.", advice: haveReset},
	{code: system.CodeNoAuthRow,
		what:   "The contract has no room for method permissions: it was deployed before permissions were switched on.",
		advice: "Deploy it again; whoever deploys it is its administrator, as " + showContract},
	{code: system.CodeNoAuthType,
		what:   "The method has no list yet, so that everybody may call it and nobody can be let or refused.",
		advice: "The contract's administrator chooses the kind of list first: " + auth + " method type CONTRACT FN white|black."},
	{code: system.CodeWrongAuthType,
		what:   "There is no list of this kind: a method without a list is open to everybody, and nobody can be let or refused.",
		advice: "The contract's administrator chooses the kind of list first: " + auth + " method type CONTRACT FN white|black."},
	{code: system.CodeAuthDecodeFailed,
		what:   "The node cannot read the permissions that it keeps for the method.",
		advice: "The contract's administrator can set them anew: " + auth + " method type CONTRACT FN white|black. If that fails, too, ask the operators of the node."},
	{code: system.CodeAccountExists,
		what:   "The address belongs to a contract, not to an account.",
		advice: "The contract's administrator can freeze the contract: " + auth + " freeze CONTRACT."},
	{code: system.CodeContractStatus,
		what:   "The status of the contract does not allow it: it has this status already, or was abolished.",
		advice: auth + " show --contract CONTRACT tells the status; the administrator ends a freeze with " + auth + " unfreeze CONTRACT."},
	{code: system.CodeRepeatedAuth,
		what: "The account has this permission already; nothing was changed.", advice: "See " + auth + " show --contract CONTRACT."},
	{code: system.CodeContractAddress,
		what: "The chain does not take this as the address of a contract.", advice: "Check it with " + auth + " show --contract CONTRACT."},
	{code: system.CodeContractNoTable,
		what: "There is no such contract on this chain.", advice: "Check the address, and the target, with " + auth + " show --contract CONTRACT."},
	{code: system.CodeNoAuthority,
		what:   "The account has no authority over the contract.",
		advice: "Its administrator can do it; " + showContract + " " + haveReset},
	{code: system.CodeNothingToRevoke,
		what: "The account does not have the permission that was to be taken away; nothing was changed.", advice: "See " + auth + " show --contract CONTRACT."},
	{code: system.CodeLastAuth,
		what: "It is the last permission of its kind; without it nobody could change anything any more.", advice: "Let another account first: " + auth + " method allow CONTRACT FN ACCOUNT."},

	{text: "Create permission denied",
		what:   "The account may not deploy contracts on this chain.",
		advice: "A governor can let it: " + auth + " deploy allow ACCOUNT (or deny, where the list is black, takes it off: see " + auth + " show)."},
	{text: "Call permission denied",
		what:   "The account may not call this method of the contract.",
		advice: "The contract's administrator can let it: " + auth + " method allow CONTRACT FN ACCOUNT; " + auth + " show --contract CONTRACT --fn FN says who may."},
	{status: 18,
		what:   "The account lacks a permission: to deploy, or to call this method of the contract.",
		advice: "A governor lets an account deploy: " + auth + " deploy allow ACCOUNT. The contract's administrator lets it call: " + auth + " method allow CONTRACT FN ACCOUNT."},
	{status: 21,
		what:   "The contract is frozen: nobody can call it until it is normal again.",
		advice: "Its administrator can end that: " + auth + " unfreeze CONTRACT; " + showContract},
	{status: 22,
		what:   "The account is frozen: the chain takes no transaction of it until it is normal again.",
		advice: "A governor can end that: " + auth + " account unfreeze ACCOUNT."},
	{status: 23,
		what:   "The account was abolished, for ever: the chain takes no transaction of it any more.",
		advice: "Nobody can undo that; use another account, and have its permissions set with " + auth + " deploy allow ACCOUNT."},
	{status: 24,
		what:   "The contract was abolished, for ever: nobody can call it any more.",
		advice: "Nobody can undo that; deploy the contract again. " + auth + " show --contract CONTRACT shows its state."},

	{text: "Should not set governor's status",
		what:   "The account is a governor, whose status nobody can change.",
		advice: "It has to leave the committee first; " + auth + " show lists the governors."},
	{text: "Account already abolish",
		what: "The account was abolished, for ever: it cannot get another status.", advice: "Nobody can undo that; use another account. " + auth + " show --account ACCOUNT shows its state."},
	{text: "Contract already abolish",
		what: "The contract was abolished, for ever: it cannot get another status.", advice: "Nobody can undo that; deploy the contract again. " + auth + " show --contract CONTRACT shows its state."},
	{text: "Contract address not found",
		what: "There is no contract at this address, or the chain keeps no permissions for it.", advice: "Check the address, and the target, with " + auth + " show --contract CONTRACT."},
	{text: "check the existence of contract",
		what: "There is no contract at this address, or the chain keeps no permissions for it.", advice: "Check the address, and the target, with " + auth + " show --contract CONTRACT."},
	{text: "Admin row not found",
		what: "The contract has no administrator, so that nobody may change its permissions.", advice: haveReset},
	{text: "Cannot get contract status",
		what: "The chain keeps no status for this address: there is no contract, or it was deployed before permissions were switched on.", advice: "Check the address. For an older contract: " + haveReset},
	{text: "call undefined function",
		what: "The nodes of this chain are too old for this.", advice: "Abolishing needs 3.2 or newer, the status of accounts 3.1; the administrator can freeze the contract instead: " + auth + " freeze CONTRACT."},

	{text: "you must be governor",
		what: "The account is not a governor; only governors make proposals, vote and revoke.", advice: askGovernor},
	{text: "Proposal not exist",
		what: "There is no proposal of this number.", advice: auth + " proposals lists them."},
	{text: "Already voted",
		what: "The account has voted on this proposal already; a vote cannot be changed.", advice: "Another governor can vote: " + auth + " vote ID; " + auth + " proposals ID shows the votes."},
	{text: "not votable",
		what: "The proposal is closed: it has passed, was denied or revoked, or is outdated.", advice: auth + " proposals ID says which. A governor can make it again, for example with " + auth + " deploy allow ACCOUNT."},
	{text: "newly created proposal can be revoked",
		what: "The proposal is closed, so that it cannot be revoked any more.", advice: auth + " proposals ID says what became of it."},
	{text: "Only proposer can revoke",
		what: "Only the governor who made a proposal can revoke it.", advice: auth + " proposals ID says who that is. Others can vote against it: " + auth + " vote ID --against."},
	{text: "Current proposal not end",
		what: "There is an open proposal about the same account or contract, and the chain takes only one at a time.", advice: "See " + auth + " proposals; governors can end it with " + auth + " vote ID, and whoever made it with " + auth + " revoke ID."},
	{text: "deploy auth type is the same",
		what: "The deploy type is this already; nothing was changed.", advice: "See " + auth + " show."},
	{text: "has been the admin",
		what: "The account is the administrator of the contract already; nothing was changed.", advice: "See " + auth + " show --contract CONTRACT."},
	{text: "contract address not exists",
		what: "The zero address is not a contract.", advice: "Check it with " + auth + " show --contract CONTRACT."},
}

// refused is what the chain said: a code, or a status with a reason.
type refused struct {
	code             system.Code
	status           int
	reason, contract string
}

func (r rule) fits(said refused) bool {
	return (r.code == 0 || r.code == said.code) && (r.status == 0 || r.status == said.status) &&
		(r.contract == "" || r.contract == said.contract) && strings.Contains(said.reason, r.text)
}

// Explain puts a refusal of the chain into plain words: the result is a *Refusal
// with err inside. Any other error, and a refusal that is not about permissions,
// it gives back as it is.
func Explain(err error) error {
	said, name, ok := refusedBy(err)
	if !ok {
		return err
	}
	for _, r := range rules {
		if r.fits(said) {
			return &Refusal{Reason: name, What: r.what, Advice: r.advice, Err: err}
		}
	}
	return err
}

// refusedBy finds what the chain said, and its name, in an error.
func refusedBy(err error) (said refused, name string, ok bool) {
	if e, ok := errors.AsType[*system.CodeError](err); ok {
		return refused{code: e.Code, contract: e.Contract}, e.Code.Name(), true
	}
	e, ok := errors.AsType[*system.StatusError](err)
	if !ok {
		return refused{}, "", false
	}
	name = e.StatusName
	if e.Code != 0 {
		name = e.Code.Name()
	}
	return refused{code: e.Code, status: e.Status, reason: e.Reason, contract: e.Contract}, name, true
}

// ExplainReceipt says why a transaction that is in a block did not do what it was
// made for: nil when nothing is known to be wrong with it. decision is that of a
// proposal, else nil. It knows the return codes of the contracts that permissions
// concern, and the status of every transaction.
func (p *Permissions) ExplainReceipt(r chain.Receipt) (decision *system.Decision, err error) {
	known, read, err := p.reader(r)
	if err != nil {
		return nil, err
	}
	if !known {
		return nil, Explain(failure(r))
	}
	decision, err = read.result(r)
	return decision, Explain(err)
}

// reader is a change that reads the receipt of any change of the same contract:
// all functions of a contract that matter here return the same.
func (p *Permissions) reader(r chain.Receipt) (known bool, read Change, err error) {
	if r.To == nil {
		return false, Change{}, nil
	}
	var none common.Address
	c := p.contracts
	switch *r.To {
	case c.Committee().Address():
		if len(r.Output) == 0 { // a vote, or a proposal that was revoked
			read, err = voting(c.Committee().Vote(0, true))
		} else {
			read, err = voting(c.Committee().ProposeDeployAuth(none, true, 1))
		}
	case c.AuthManager().Address():
		read, err = plain(c.AuthManager().ResetAdmin(none, none))
	case c.AccountManager().Address():
		read, err = plain(c.AccountManager().SetStatus(none, system.StatusNormal))
	case c.SystemConfig().Address():
		read, err = plain(c.SystemConfig().SetValue("-", "-"))
	default:
		return false, Change{}, nil
	}
	return true, read, err
}

// failure is the error of a receipt of any contract; nil when it succeeded.
func failure(r chain.Receipt) error {
	if r.Status == 0 {
		return nil
	}
	reason := (*contracts.ABI)(nil).RevertReason(r.Output)
	if reason == "" {
		reason = r.Message
	}
	return fmt.Errorf("the transaction failed: %w", &system.StatusError{Status: r.Status, StatusName: r.StatusName, Reason: reason})
}
