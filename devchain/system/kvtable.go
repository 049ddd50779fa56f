package system

// KVTable, 0x1009: the contract behind tables of one value a key.
func (c *Contracts) kvTable() contract {
	return contract{
		name:  "KVTablePrecompiled",
		bound: true,
		before: func(x *context, _ [4]byte, _ *arguments) ([]byte, error) {
			return nil, tableThere(x)
		},
		methods: c.functions(map[string]method{
			"get(string)": func(x *context, args *arguments) ([]byte, error) {
				row, ok := x.State.Get(rowsOf(x.table), args.string())
				return encode(boolean(ok), text(row)), nil
			},
			"set(string,string)": func(x *context, args *arguments) ([]byte, error) {
				key, row := args.string(), args.string()
				if key == "" {
					return nil, refuse("Table insert entry key is empty")
				}
				if err := checkLength(key, maxKey, codeKeyTooLong); err != nil {
					return nil, err
				}
				if err := checkLength(row, maxValue, codeKeyTooLong); err != nil {
					return nil, err
				}
				x.State.Set(rowsOf(x.table), key, row)
				return code(1)
			},
		}),
	}
}

// tableThere fails when the table that is called for does not exist.
func tableThere(x *context) error {
	if table := rowsOf(x.table); !isTable(x.State, table) {
		return refuse("%s does not exist", table)
	}
	return nil
}
