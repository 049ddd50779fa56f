package system

import (
	"strings"

	"github.com/ethereum/go-ethereum/common"
)

// Limits of tables.
const (
	maxFieldName  = 64
	maxFieldNames = 1024
	maxTableName  = 50
	maxKey        = 255
	maxValue      = 16<<20 - 1
	maxRows       = 500
	minRows       = 50
)

// orderPrefix begins the columns of a table that says how its keys are ordered.
const orderPrefix = "__v320_table_info__"

// TableManager, 0x1002.
func (c *Contracts) tableManager() contract {
	return contract{
		name: "TableManager",
		methods: c.functions(map[string]method{
			"createTable(string,(string,string[]))":       createUnordered,
			"createTable(string,(uint8,string,string[]))": createOrdered,
			"createKVTable(string,string,string)":         createKVTable,
			"appendColumns(string,string[])":              appendColumns,
			"openTable(string)":                           openTable,
			"desc(string)": func(x *context, args *arguments) ([]byte, error) {
				info := describe(x.State, args.string())
				return encode(tuple(text(info.key), texts(info.columns))), nil
			},
			"descWithKeyOrder(string)": func(x *context, args *arguments) ([]byte, error) {
				info := describe(x.State, args.string())
				return encode(tuple(number(uint64(info.order)), text(info.key), texts(info.columns))), nil
			},
		}),
	}
}

// tablePath is the path of a table by its name.
func tablePath(name string) string {
	if strings.HasPrefix(name, tablePrefix) {
		return name
	}
	return tablePrefix + strings.TrimPrefix(name, "/")
}

// rowsOf is the table that has the rows of the table at a path.
func rowsOf(path string) string { return "u_" + path }

func createUnordered(x *context, args *arguments) ([]byte, error) {
	name, info := args.string(), args.part()
	key, columns := info.string(), info.strings()
	key, value, err := checkTable(name, key, columns)
	if err != nil {
		return nil, err
	}
	return create(x, name, tableAt, key+","+value)
}

func createOrdered(x *context, args *arguments) ([]byte, error) {
	name, info := args.string(), args.part()
	order := info.uint8()
	key, columns := info.string(), info.strings()
	if order > 1 {
		return nil, refuse("%d KeyOrder not exist!", order)
	}
	key, value, err := checkTable(name, key, columns)
	if err != nil {
		return nil, err
	}
	return create(x, name, tableAt, orderPrefix+string('0'+rune(order))+","+key+","+value)
}

func createKVTable(x *context, args *arguments) ([]byte, error) {
	name, key, column := args.string(), args.string(), args.string()
	trimmed, _, err := checkTable(name, key, strings.Split(column, ","))
	if err != nil {
		return nil, err
	}
	return create(x, name, kvTableAt, trimmed+","+column)
}

func create(x *context, name string, contract uint32, columns string) ([]byte, error) {
	path := tablePath(name)
	if isTable(x.State, path) {
		return code(codeTableExists)
	}
	snapshot := x.State.Snapshot()
	if err := createBound(x, x.NewAddress(x.seq+1), contract, path); err != nil {
		x.State.Revert(snapshot)
		return nil, refuse("Create table error.")
	}
	if err := createTable(x.State, rowsOf(path), columns); err != nil {
		return nil, err
	}
	return code(codeSuccess)
}

// checkTable checks the names of a new table and gives the key column and the
// others, joined, without blanks around them.
func checkTable(name, key string, columns []string) (trimmedKey, joined string, err error) {
	if len(key) > maxFieldName {
		return "", "", refuse("table field name length overflow %d", maxFieldName)
	}
	key = trim(key)
	names := make([]string, len(columns))
	for i, column := range columns {
		names[i] = trim(column)
		if len(names[i]) > maxFieldName {
			return "", "", refuse("errorCode: %dtable field name length overflow %d", codeFieldTooLong, maxFieldName)
		}
	}
	if err := checkNames(name, key, names); err != nil {
		return "", "", err
	}
	joined = strings.Join(names, ",")
	if len(joined) > maxFieldNames {
		return "", "", refuse("total table field name length overflow %d", maxFieldNames)
	}
	if len(tablePath(name)) > maxTableName {
		return "", "", refuse("errorCode: %d tableName length overflow %d", codeNameTooLong, maxTableName)
	}
	return key, joined, nil
}

// trim takes blanks away that C counts as such.
func trim(s string) string { return strings.Trim(s, " \t\n\v\f\r") }

func madeOf(s, special string) bool {
	return strings.Trim(s, "0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"+special) == ""
}

func checkNames(name, key string, columns []string) error {
	for i := range len(name) {
		if !madeOf(name[i:i+1], "_/") {
			return refuse("Invalid table name \"%s\", the table name must be letters or numbers, and only supports \"{_, /}\" as special character set", name)
		}
	}
	if err := checkField(key); err != nil {
		return err
	}
	seen := map[string]bool{}
	for _, column := range columns {
		if seen[column] {
			return refuse("duplicated field: %s", column)
		}
		seen[column] = true
		if err := checkField(column); err != nil {
			return err
		}
	}
	return nil
}

func checkField(name string) error {
	bad := name == "" || name[0] == '_'
	for i := range len(name) {
		bad = bad || !madeOf(name[i:i+1], "$_@")
	}
	if bad {
		return refuse("invalid field: %s", name)
	}
	return nil
}

func appendColumns(x *context, args *arguments) ([]byte, error) {
	name, columns := args.string(), args.strings()
	table := rowsOf(tablePath(name))
	row, ok := x.State.Get(tableList, table)
	if !ok {
		return code(codeTableMissing)
	}
	all := strings.Split(row, ",")
	seen := map[string]bool{}
	for _, column := range all[1:] {
		seen[column] = true
	}
	for _, column := range columns {
		if err := checkLength(column, maxFieldName, codeFieldTooLong); err != nil {
			return nil, err
		}
		if seen[column] {
			return code(codeDuplicateField)
		}
		seen[column] = true
		all = append(all, column)
	}
	x.State.Set(tableList, table, strings.Join(all, ","))
	return code(codeSuccess)
}

func checkLength(s string, most int, codeOf int) error {
	if len(s) > most {
		return refuse("size of value/key greater than%d error code: %d", most, codeOf)
	}
	return nil
}

func openTable(x *context, args *arguments) ([]byte, error) {
	at, err := linked(x.State, tablePath(args.string()))
	if err != nil {
		return nil, err
	}
	return encode(address(at)), nil
}

// tableInfo is what a table's row in the list says.
type tableInfo struct {
	order   uint8 // 0 by text, 1 by number
	key     string
	columns []string
}

// describe reads the columns of a table; the zero value when there is none.
func describe(store Store, name string) tableInfo {
	row, ok := store.Get(tableList, rowsOf(tablePath(name)))
	if !ok {
		return tableInfo{}
	}
	var info tableInfo
	if rest, ordered := strings.CutPrefix(row, orderPrefix); ordered {
		order, columns, _ := strings.Cut(rest, ",")
		if order == "1" {
			info.order = 1
		}
		row = columns
	}
	key, rest, found := strings.Cut(row, ",")
	if !found {
		rest = row
	}
	info.key, info.columns = key, strings.Split(rest, ",")
	return info
}

// linked is the address that a link leads to; the zero address when there is no
// such link.
func linked(state State, path string) (common.Address, error) {
	if !isTable(state, path) {
		return common.Address{}, nil
	}
	if kind, _ := state.Get(path, linkType); kind != typeLink {
		return common.Address{}, nil
	}
	target, _ := state.Get(path, linkAddress)
	return parseHexAddress(target)
}
