package system

import (
	"math"

	"github.com/ethereum/go-ethereum/common"
)

// The functions below read the arguments of a proposal, but for the last, and give
// what is checked before the proposal is opened.

func proposeGovernor(_ *context, args *strict) (proposal, func() error) {
	account, weight := args.address(), args.uint(32)
	return proposal{Kind: kindGovernor, Resource: account, Action: action{Account: account, Weight: uint32(weight)}}, nil
}

func proposeRate(_ *context, args *strict) (proposal, func() error) {
	rates := [2]uint8{uint8(args.uint(8)), uint8(args.uint(8))}
	return proposal{Kind: kindRate, Resource: Address(committeeAt), Action: action{Rated: true, Rates: rates}}, func() error {
		switch {
		case rates[0] > 100:
			return &Reverted{Text: "invalid range of participatesRate"}
		case rates[1] > 100:
			return &Reverted{Text: "invalid range of winRate"}
		}
		return nil
	}
}

func (x *context) input(signature string, values ...value) []byte {
	selector := x.contracts.selector(signature)
	return append(selector[:], encode(values...)...)
}

func proposeDeployType(x *context, args *strict) (proposal, func() error) {
	kind := args.uint(8)
	p := proposal{Kind: kindDeployType, Resource: Address(authManagerAt)}
	p.Action = action{Call: authManagerAt, Input: x.input("setDeployAuthType(uint8)", number(kind))}
	return p, func() error {
		if uint64(deployType(x.State)) == kind {
			return &Reverted{Text: "the current deploy auth type is the same as you want to set"}
		}
		return nil
	}
}

func proposeDeployAuth(x *context, args *strict) (proposal, func() error) {
	account, open := args.address(), args.uint(1) == 1
	signature := "closeDeployAuth(address)"
	if open {
		signature = "openDeployAuth(address)"
	}
	return proposal{
		Kind: kindDeployAuth, Resource: account,
		Action: action{Call: authManagerAt, Input: x.input(signature, address(account))},
	}, nil
}

func proposeAdmin(x *context, args *strict) (proposal, func() error) {
	admin, account := args.address(), args.address()
	p := proposal{Kind: kindAdmin, Resource: account}
	p.Action = action{Call: authManagerAt, Input: x.input("resetAdmin(address,address)", address(account), address(admin))}
	return p, func() error {
		if now, _ := adminOf(x.State, account); now == admin {
			return &Reverted{Text: "the account has been the admin of concurrt contract."}
		}
		return nil
	}
}

func proposeSetting(x *context, args *strict) (proposal, func() error) {
	key, v := args.string(), args.string()
	return proposal{
			Kind: kindSetting, Resource: Address(sysConfigAt),
			Action: action{Call: sysConfigAt, Input: x.input("setValueByKey(string,string)", text(key), text(v))},
		}, func() error {
			if key == "" {
				return &Reverted{Text: "invalid key length."}
			}
			return nil
		}
}

func proposeWeight(x *context, args *strict) (proposal, func() error) {
	node, weight, adds := args.string(), args.uint(32), args.uint(1) == 1
	var input []byte
	switch {
	case !adds:
		input = x.input("setWeight(string,uint256)", text(node), number(weight))
	case weight > 0:
		input = x.input("addSealer(string,uint256)", text(node), number(weight))
	default:
		input = x.input("addObserver(string)", text(node))
	}
	return proposal{Kind: kindWeight, Resource: Address(consensusAt), Action: action{Call: consensusAt, Input: input}}, someNode(node)
}

func proposeRemoval(x *context, args *strict) (proposal, func() error) {
	node := args.string()
	p := proposal{Kind: kindRemoval, Resource: Address(consensusAt)}
	p.Action = action{Call: consensusAt, Input: x.input("remove(string)", text(node))}
	return p, someNode(node)
}

func someNode(node string) func() error {
	return func() error {
		if node == "" {
			return &Reverted{Text: "invalid node."}
		}
		return nil
	}
}

// do does what a proposal is for and gives the code that comes of it.
func (a action) do(x *context) ([]byte, error) {
	switch {
	case a.Call != 0:
		return x.asCommittee(a.Call, a.Input)
	case a.Rated:
		row := readCommittee(x.State)
		row.Participates, row.Win = a.Rates[0], a.Rates[1]
		row.write(x.State)
		return Int256(codeSuccess), nil
	}
	return Int256(codeSuccess), a.changeGovernor(x)
}

// asCommittee calls another system contract; its failure is the committee's.
func (x *context) asCommittee(at uint32, input []byte) ([]byte, error) {
	x.Calls++
	call := Call{Sender: Address(committeeAt), Input: input}
	out, err := x.contracts.Run(x.Env, Address(at), call)
	if refused, ok := err.(*Refused); ok { //nolint:errorlint // Run gives it unwrapped
		return nil, &Reverted{Text: refused.Text}
	}
	return out, err
}

func (a action) changeGovernor(x *context) error {
	row := readCommittee(x.State)
	i := row.find(a.Account)
	switch {
	case a.Weight > 0 && i >= 0:
		row.Governors[i].Weight = a.Weight
	case a.Weight > 0 && a.Account == (common.Address{}):
		return &Reverted{Text: "LibAddressSet: value can't be 0x0"}
	case a.Weight > 0:
		row.Governors = append(row.Governors, governor{a.Account, a.Weight})
	case a.Account == x.call.Sender:
		return &Reverted{Text: "You can not remove yourself!"}
	case i < 0:
		return &Reverted{Text: "LibAddressSet: value doesn't exist."}
	default: // the last one takes the place
		last := len(row.Governors) - 1
		row.Governors[i] = row.Governors[last]
		row.Governors = row.Governors[:last]
	}
	row.write(x.State)
	return nil
}

// strict reads arguments as code does that a compiler made: what does not fit its
// type ends the call.
type strict struct {
	*arguments
	bad bool
}

func strictly(f func(x *context, args *strict) ([]byte, error)) method {
	return func(x *context, args *arguments) ([]byte, error) { return f(x, &strict{arguments: args}) }
}

// uint reads an unsigned number of so many bits, 64 at most.
func (s *strict) uint(bits uint) uint64 {
	n := s.arguments.uint256()
	if !n.IsUint64() || bits < 64 && n.Uint64() > math.MaxUint64>>(64-bits) {
		s.bad = true
	}
	return n.Uint64()
}

func (s *strict) address() common.Address {
	w := s.arguments.bytes32()
	s.bad = s.bad || common.Hash(w) != common.BytesToHash(w[wordSize-common.AddressLength:])
	return common.Address(w[wordSize-common.AddressLength:])
}

// err is the failure of a call whose arguments do not fit.
func (s *strict) err() error {
	if s.bad || s.failed {
		return &Reverted{}
	}
	return nil
}
