package system

import (
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// shardRow is the row of a contract that names its shard.
const shardRow = "shard"

// Sharding, 0x1010: there only with feature_sharding.
func (c *Contracts) sharding() contract {
	return contract{
		feature: featureSharding,
		before: func(x *context, _ [4]byte, _ *arguments) ([]byte, error) {
			switch {
			case x.call.Sender != x.Origin && !x.call.Static:
				return nil, refuse("ShardPrecompiled call: request should only call from SDK")
			case x.Config.AuthCheck && !x.call.Static && !isGovernor(x.State, x.call.Sender):
				return nil, refuse("ShardPrecompiled call: Permission denied.")
			}
			return nil, nil
		},
		unknown: func(*context, *arguments) ([]byte, error) {
			return nil, refuse("ShardPrecompiled call: BFS request should only call from ShardPrecompiled")
		},
		methods: c.functions(map[string]method{
			"makeShard(string)":        makeShard,
			"linkShard(string,string)": linkShard,
			"getContractShard(string)": func(x *context, args *arguments) ([]byte, error) {
				account, err := shardContract(args.string(), "getContractShard")
				if err != nil {
					return nil, err
				}
				x.Calls++
				shard, _ := x.State.Get(appsPrefix+account, shardRow)
				return encode(number(codeSuccess), text(shard)), nil
			},
		}),
	}
}

func inShards(path string) bool { return strings.HasPrefix(path, shardPrefix) || appsAndTables(path) }

func makeShard(x *context, args *arguments) ([]byte, error) {
	name := args.string()
	if strings.Contains(name, "/") {
		return nil, refuse("makeShard: Shard name should not be a path, please check")
	}
	path := shardPrefix + name
	if isTable(x.State, path) {
		return nil, refuse("ShardPrecompiled BFS makeDir error: shard '%s' has already exists", name)
	}
	if result := innerTouch(x, path, typeDirectory, inShards); result != codeSuccess {
		return nil, refuse("ShardPrecompiled BFS makeDir error: errorCode: %d", result)
	}
	return code(codeSuccess)
}

// shardContract reads the address of a contract: 40 hex digits.
func shardContract(s, what string) (string, error) {
	s = strings.TrimPrefix(s, "0x")
	if len(s) != 2*common.AddressLength || strings.Trim(s, "0123456789abcdefABCDEF") != "" {
		return "", refuse("%s: invalid contract address: %s", what, s)
	}
	return s, nil
}

func linkShard(x *context, args *arguments) ([]byte, error) {
	name, target := args.string(), args.string()
	if strings.Contains(name, "/") {
		return nil, refuse("linkShard: Shard name should not be a path, please check")
	}
	account, err := shardContract(target, "linkShard")
	if err != nil {
		return nil, err
	}
	contract := appsPrefix + account
	if shard, ok := x.State.Get(contract, shardRow); ok && shard != "" {
		return nil, refuse("linkShard: contract has already belongs to a shard: %s", shard)
	}
	x.Calls++
	if !isTable(x.State, contract) {
		return nil, errReverted
	}
	x.State.Set(contract, shardRow, name)
	out, err := link(x, shardPrefix+name+"/"+account, account, "", inShards)
	if err != nil || string(out) != string(Int256(codeSuccess)) {
		return nil, refuse("ShardPrecompiled BFS link error")
	}
	return out, nil
}
