package system

// Contracts that do little here: the transfer test, whose table no node with
// executor version 1 has, and the privacy contracts, for whose proofs there is no
// library. They refuse everything as a node refuses wrong input.

// DagTransfer, 0x100c.
func (c *Contracts) dagTransfer() contract {
	one := func(needsAmount bool) method {
		return func(_ *context, args *arguments) ([]byte, error) {
			user, amount := args.string(), args.uint256()
			switch {
			case user == "":
				return code(codeNoUserName)
			case needsAmount && amount.IsZero():
				return code(codeNoAmount)
			}
			return code(codeNoDagTable)
		}
	}
	return contract{
		unknown: func(*context, *arguments) ([]byte, error) { return nil, nil },
		methods: c.functions(map[string]method{
			"userAdd(string,uint256)":  one(false),
			"userSave(string,uint256)": one(true),
			"userDraw(string,uint256)": one(true),
			"userBalance(string)": func(_ *context, args *arguments) ([]byte, error) {
				result := int64(codeNoDagTable)
				if args.string() == "" {
					result = codeNoUserName
				}
				return encode(integer(result), number(0)), nil
			},
			"userTransfer(string,string,uint256)": func(_ *context, args *arguments) ([]byte, error) {
				from, to, amount := args.string(), args.string(), args.uint256()
				switch {
				case from == "" || to == "":
					return code(codeNoUserName)
				case amount.IsZero():
					return code(codeNoAmount)
				case from == to:
					return code(codeSuccess)
				}
				return code(codeNoDagTable)
			},
		}),
	}
}

func fixed(values ...value) method {
	out := encode(values...)
	return func(*context, *arguments) ([]byte, error) { return out, nil }
}

// Paillier, 0x5003.
func (c *Contracts) paillier() contract {
	unknown := fixed(integer(codeUnknownFunction), boolean(false))
	return contract{
		unknown: unknown,
		methods: c.functions(map[string]method{
			"paillierAdd(string,string)": fixed(integer(codeCiphers)),
			"paillierAdd(bytes,bytes)": func(x *context, args *arguments) ([]byte, error) {
				if !x.Config.On(featurePaillierRaw) {
					return unknown(x, args)
				}
				return code(codeCiphers)
			},
		}),
	}
}

// GroupSig, 0x5004.
func (c *Contracts) groupSig() contract {
	return contract{
		unknown: fixed(integer(codeUnknownFunction), boolean(false)),
		methods: c.functions(map[string]method{
			"groupSigVerify(string,string,string,string)": fixed(integer(codeGroupSig), boolean(false)),
		}),
	}
}

// RingSig, 0x5005.
func (c *Contracts) ringSig() contract {
	return contract{
		unknown: fixed(integer(codeUnknownFunction), boolean(false)),
		methods: c.functions(map[string]method{
			"ringSigVerify(string,string,string)": fixed(integer(codeRingSig), boolean(false)),
		}),
	}
}

// DiscreteZkp, 0x5100: every proof is refused.
func (c *Contracts) zkp() contract {
	no := fixed(boolean(false))
	return contract{
		name: "ZkpPrecompiled",
		methods: c.functions(map[string]method{
			"verifyEitherEqualityProof(bytes,bytes,bytes,bytes,bytes,bytes)": no,
			"verifyKnowledgeProof(bytes,bytes,bytes,bytes)":                  no,
			"verifyFormatProof(bytes,bytes,bytes,bytes,bytes,bytes)":         no,
			"verifySumProof(bytes,bytes,bytes,bytes,bytes,bytes)":            no,
			"verifyProductProof(bytes, bytes, bytes, bytes, bytes, bytes)":   no, // the blanks are the node's
			"verifyEqualityProof(bytes,bytes,bytes,bytes,bytes)":             no,
			"aggregatePoint(bytes,bytes)":                                    fixed(integer(-1), text("")),
		}),
	}
}
