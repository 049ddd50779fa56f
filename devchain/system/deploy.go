package system

import (
	"encoding/binary"
	"maps"
	"slices"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
)

// Who may deploy contracts stands in the row of /apps: the kind of list in its
// third field, the lists in the fourth (white) and fifth (black).
const (
	aclType  = 2
	aclWhite = 3
	aclBlack = 4
)

func appsRow(store Store) []string {
	row, _ := store.Get("/", "apps")
	if fields := fieldsOf(row); len(fields) > aclBlack {
		return fields
	}
	return fieldsOf(fileRow(typeDirectory))
}

// deployType is 0 when everybody may deploy, 1 with a white, 2 with a black list.
func deployType(store Store) uint8 {
	n, _ := strconv.ParseUint(appsRow(store)[aclType], 10, 8)
	return uint8(n)
}

func setDeployType(x *context, args *arguments) ([]byte, error) {
	kind := args.bytes32()[31]
	switch {
	case x.call.Sender != Address(committeeAt):
		return code(codeNoAuthorized)
	case kind > listBlack:
		return code(codeWrongAuthType)
	}
	fields := appsRow(x.State)
	fields[aclType] = strconv.Itoa(int(kind))
	x.State.Set("/", "apps", rowOf(fields))
	return code(codeSuccess)
}

// aclField is the field with the list of a kind.
func aclField(kind uint8) int {
	if kind == listWhite {
		return aclWhite
	}
	return aclBlack
}

func setDeployAuth(closes bool) method {
	return func(x *context, args *arguments) ([]byte, error) {
		account := args.address()
		if x.call.Sender != Address(committeeAt) {
			return code(codeNoAuthorized)
		}
		fields, kind := appsRow(x.State), deployType(x.State)
		list := decodeList(fields[aclField(kind)])
		list[hexText(account)] = closes && kind == listBlack || !closes && kind == listWhite
		fields[aclField(kind)] = encodeList(list)
		x.State.Set("/", "apps", rowOf(fields))
		return code(codeSuccess)
	}
}

// MayDeploy reports whether an account may deploy contracts, where permissions are
// checked.
func MayDeploy(store Store, account common.Address) bool {
	kind := deployType(store)
	if kind == 0 {
		return true
	}
	on, listed := decodeList(appsRow(store)[aclField(kind)])[hexText(account)]
	if !listed {
		return kind == listBlack
	}
	return on != (kind == listBlack)
}

// encodeList writes a list of accounts in the form of a node (SCALE), which shows
// in the listing of the root directory.
func encodeList(list map[string]bool) string {
	out := compact(nil, len(list))
	for _, account := range slices.Sorted(maps.Keys(list)) {
		out = append(compact(out, len(account)), account...)
		if list[account] {
			out = append(out, 1)
		} else {
			out = append(out, 0)
		}
	}
	return string(out)
}

// compact appends a length in as few bytes as SCALE has for it.
func compact(out []byte, n int) []byte {
	switch {
	case n < 1<<6:
		return append(out, byte(n<<2))
	case n < 1<<14:
		return binary.LittleEndian.AppendUint16(out, uint16(n<<2|1))
	}
	return binary.LittleEndian.AppendUint32(out, uint32(n<<2|2))
}

// decodeList reads what encodeList wrote.
func decodeList(row string) map[string]bool {
	list := map[string]bool{}
	const entry = 1 + 2*common.AddressLength + 1 // length, digits, flag
	for start := len(row) % entry; start < len(row); start += entry {
		list[row[start+1:start+entry-1]] = row[start+entry-1] == 1
	}
	return list
}
