package system

import (
	"slices"

	"github.com/ethereum/go-ethereum/common"
)

// governorTable has the weights of the governors by account.
const governorTable = "committee_governors"

// CommitteeManager, 0x10001.
func (c *Contracts) committee() contract {
	return contract{
		code: true,
		methods: c.functions(map[string]method{
			"isGovernor(address)": func(x *context, args *arguments) ([]byte, error) {
				return encode(boolean(isGovernor(x.State, args.address()))), nil
			},
		}),
	}
}

// governors are the members of the committee, in the order of their accounts.
func governors(store Store) (all []common.Address) {
	store.Keys(governorTable, func(account string) bool {
		all = append(all, common.HexToAddress(account))
		return true
	})
	return all
}

func isGovernor(store Store, account common.Address) bool {
	return slices.Contains(governors(store), account)
}
