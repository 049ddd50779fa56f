package system

import (
	"context"

	"github.com/ethereum/go-ethereum/common"
)

// AuthType is how a list of accounts is meant, for deployments and for methods.
type AuthType uint8

// The types of protocol §8.1.
const (
	AuthNone      AuthType = 0 // everybody may
	AuthWhiteList AuthType = 1 // only those on the list may
	AuthBlackList AuthType = 2 // everybody but those on the list may
)

// String is "none", "white list" or "black list".
func (a AuthType) String() string { return name(a, "none", "white list", "black list") }

// Status is that of an account or of a contract.
type Status uint8

// The statuses of protocol §8.1. An abolished account or contract stays so for ever.
const (
	StatusNormal    Status = 0
	StatusFrozen    Status = 1
	StatusAbolished Status = 2
)

// String is "normal", "frozen" or "abolished".
func (s Status) String() string { return name(s, "normal", "frozen", "abolished") }

// AuthManager is contract 0x1005: who may deploy, and who may call which method.
// It works on chains with permissions (is_auth_check or auth_check_status). What
// is for the committee alone gives CodeNoPermission to any other sender: use the
// proposals of Committee. What is for the administrator of a contract gives it to
// any other sender as well.
type AuthManager struct{ contract }

// AuthManager is the contract of this group.
func (c *Contracts) AuthManager() AuthManager { return AuthManager{c.fixed("AuthManager", 0x1005)} }

// DeployAuthType says how the list of deployers is meant.
func (a AuthManager) DeployAuthType(ctx context.Context) (AuthType, error) {
	return read(ctx, a.contract, "deployType()(uint8)", func(out *outputs) AuthType { return AuthType(out.uint8()) })
}

// SetDeployAuthType makes the list of deployers a white or a black list. For the
// committee.
func (a AuthManager) SetDeployAuthType(t AuthType) (Write[None], error) {
	if err := a.checkAuthType("setDeployAuthType", t); err != nil {
		return Write[None]{}, err
	}
	return a.change("setDeployAuthType(uint8)", uint64(t))
}

// OpenDeployAuth lets an account deploy. For the committee.
func (a AuthManager) OpenDeployAuth(account common.Address) (Write[None], error) {
	return a.change("openDeployAuth(address)", account)
}

// CloseDeployAuth forbids an account to deploy. For the committee.
func (a AuthManager) CloseDeployAuth(account common.Address) (Write[None], error) {
	return a.change("closeDeployAuth(address)", account)
}

// HasDeployAuth says whether an account may deploy.
func (a AuthManager) HasDeployAuth(ctx context.Context, account common.Address) (bool, error) {
	return read(ctx, a.contract, "hasDeployAuth(address)(bool)", (*outputs).flag, account)
}

// Admin is the administrator of a contract, at first who deployed it. It is the
// zero address when the chain has none for the contract.
func (a AuthManager) Admin(ctx context.Context, of common.Address) (common.Address, error) {
	return read(ctx, a.contract, "getAdmin(address)(address)", (*outputs).address, of)
}

// ResetAdmin makes an account the administrator of a contract. For the committee.
func (a AuthManager) ResetAdmin(of, admin common.Address) (Write[None], error) {
	return a.change("resetAdmin(address,address)", of, admin)
}

// SetMethodAuthType makes the list of a method a white or a black list. For the
// contract's administrator. selector is that of the chain's suite.
func (a AuthManager) SetMethodAuthType(of common.Address, selector [4]byte, t AuthType) (Write[None], error) {
	if err := a.checkAuthType("setMethodAuthType", t); err != nil {
		return Write[None]{}, err
	}
	return a.change("setMethodAuthType(address,bytes4,uint8)", of, selector, uint64(t))
}

// OpenMethodAuth lets an account call a method. For the contract's administrator,
// after SetMethodAuthType.
func (a AuthManager) OpenMethodAuth(of common.Address, selector [4]byte, account common.Address) (Write[None], error) {
	return a.change("openMethodAuth(address,bytes4,address)", of, selector, account)
}

// CloseMethodAuth forbids an account to call a method. For the contract's
// administrator, after SetMethodAuthType.
func (a AuthManager) CloseMethodAuth(of common.Address, selector [4]byte, account common.Address) (Write[None], error) {
	return a.change("closeMethodAuth(address,bytes4,address)", of, selector, account)
}

// CheckMethodAuth says whether an account may call a method.
func (a AuthManager) CheckMethodAuth(ctx context.Context, of common.Address, selector [4]byte, account common.Address) (bool, error) {
	return read(ctx, a.contract, "checkMethodAuth(address,bytes4,address)(bool)", (*outputs).flag, of, selector, account)
}

// MethodAuth is the permission list of a method.
type MethodAuth struct {
	Type    AuthType // AuthNone when there is no list
	Allowed []common.Address
	Blocked []common.Address
}

// MethodAuth reads the permission list of a method.
func (a AuthManager) MethodAuth(ctx context.Context, of common.Address, selector [4]byte) (MethodAuth, error) {
	return read(ctx, a.contract, "getMethodAuth(address,bytes4)(uint8,string[],string[])", func(out *outputs) MethodAuth {
		return MethodAuth{Type: AuthType(out.uint8()), Allowed: each(out, (*outputs).addressText), Blocked: each(out, (*outputs).addressText)}
	}, of, selector)
}

// SetContractFrozen freezes a contract, or makes it normal again. For its
// administrator.
func (a AuthManager) SetContractFrozen(of common.Address, frozen bool) (Write[None], error) {
	return a.change("setContractStatus(address,bool)", of, frozen)
}

// SetContractStatus sets the status of a contract (node 3.2). For its
// administrator.
func (a AuthManager) SetContractStatus(of common.Address, status Status) (Write[None], error) {
	if err := a.checkStatus("setContractStatus", status); err != nil {
		return Write[None]{}, err
	}
	return a.change("setContractStatus(address,uint8)", of, uint64(status))
}

// ContractAvailable says whether a contract is neither frozen nor abolished.
func (a AuthManager) ContractAvailable(ctx context.Context, of common.Address) (bool, error) {
	return read(ctx, a.contract, "contractAvailable(address)(bool)", (*outputs).flag, of)
}

// AccountManager is contract 0x10003: the status of accounts.
type AccountManager struct{ contract }

// AccountManager is the contract of this group.
func (c *Contracts) AccountManager() AccountManager {
	return AccountManager{c.fixed("AccountManager", 0x10003)}
}

// SetStatus sets the status of an account. For governors; a governor's account
// cannot be set.
func (a AccountManager) SetStatus(account common.Address, status Status) (Write[None], error) {
	if err := a.checkStatus("setAccountStatus", status); err != nil {
		return Write[None]{}, err
	}
	return a.change("setAccountStatus(address,uint8)", account, uint64(status))
}

// Status is that of an account.
func (a AccountManager) Status(ctx context.Context, account common.Address) (Status, error) {
	return read(ctx, a.contract, "getAccountStatus(address)(uint8)", func(out *outputs) Status { return Status(out.uint8()) }, account)
}

// checkAuthType refuses what gives CodeWrongAuthType.
func (c contract) checkAuthType(function string, t AuthType) error {
	if t != AuthWhiteList && t != AuthBlackList {
		return c.invalid(function, "%s is neither white list nor black list", t)
	}
	return nil
}

func (c contract) checkStatus(function string, s Status) error {
	if s > StatusAbolished {
		return c.invalid(function, "status %s is not known", s)
	}
	return nil
}
