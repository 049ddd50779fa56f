package system

import (
	"fmt"

	"github.com/bcosgate/bcosgate/chain"
)

// Code is a return code of a system contract (protocol §8.2). Negative ones are
// errors; numbers from 0 on are success, and the number of rows where a function
// has rows. It is an error itself, so that errors.Is finds it.
type Code int64

// The return codes of protocol §8.2.
const (
	CodeSuccess             Code = 0
	CodeNoPermission        Code = -50000
	CodeTableExists         Code = -50001
	CodeTableNameTooLong    Code = -50002
	CodeFieldNameTooLong    Code = -50003
	CodeFieldsTooLong       Code = -50004
	CodeKeyTooLong          Code = -50005
	CodeValueTooLong        Code = -50006
	CodeDuplicateField      Code = -50007
	CodeInvalidField        Code = -50008
	CodeNoTable             Code = -50100
	CodeUnknownFunction     Code = -50101
	CodeInvalidAddress      Code = -50102
	CodeSetRowFailed        Code = -50103
	CodeCreateTableFailed   Code = -50104
	CodeOpenTableFailed     Code = -50105
	CodeWrongSender         Code = -50106
	CodeNoAdminRow          Code = -51000
	CodeNoAuthRow           Code = -51001
	CodeNoAuthType          Code = -51002
	CodeWrongAuthType       Code = -51003
	CodeAuthDecodeFailed    Code = -51004
	CodeInvalidNodeID       Code = -51100
	CodeLastSealer          Code = -51101
	CodeInvalidWeight       Code = -51102
	CodeNoNode              Code = -51103
	CodeNotObserver         Code = -51104
	CodeAddressOrVersion    Code = -51202
	CodeDagUserName         Code = -51400
	CodeDagAmount           Code = -51401
	CodeDagNoUser           Code = -51402
	CodeDagUserExists       Code = -51403
	CodeDagBalanceTooLow    Code = -51404
	CodeDagBalanceOverflow  Code = -51405
	CodeDagOpenTableFailed  Code = -51406
	CodeEntryParse          Code = -51500
	CodeConditionParse      Code = -51501
	CodeUnknownOperator     Code = -51502
	CodeKeyColumnUpdate     Code = -51503
	CodeNoKeyInEntry        Code = -51504
	CodeInsertKeyExists     Code = -51506
	CodeUpdateNoKey         Code = -51507
	CodeRemoveNoKey         Code = -51508
	CodeInvalidCiphers      Code = -51600
	CodeGroupSignature      Code = -51700
	CodeRingSignature       Code = -51800
	CodeAccountExists       Code = -51900
	CodeContractStatus      Code = -51901
	CodeRepeatedAuth        Code = -51902
	CodeContractAddress     Code = -51903
	CodeContractNoTable     Code = -51904
	CodeNoAuthority         Code = -51905
	CodeNothingToRevoke     Code = -51906
	CodeLastAuth            Code = -51907
	CodeNoPath              Code = -53001
	CodePathExists          Code = -53002
	CodeMakeDirectoryFailed Code = -53003
	CodeInvalidPath         Code = -53005
	CodeWrongPathType       Code = -53006
	CodeTooManyEntries      Code = -53007
)

type codeMeaning struct {
	name    string
	kind    chain.Kind
	meaning string
}

// codes is the whole table. A code that says that the node failed inside is
// KindNode.
var codes = map[Code]codeMeaning{
	CodeSuccess:             {"Success", "", "success"},
	CodeNoPermission:        {"NoPermission", chain.KindDenied, "the account has no permission for this"},
	CodeTableExists:         {"TableExists", chain.KindExists, "a table of that name is there already"},
	CodeTableNameTooLong:    {"TableNameTooLong", chain.KindInvalid, "the name of the table is too long"},
	CodeFieldNameTooLong:    {"FieldNameTooLong", chain.KindInvalid, "the name of a column is too long"},
	CodeFieldsTooLong:       {"FieldsTooLong", chain.KindInvalid, "the names of the columns are too long together"},
	CodeKeyTooLong:          {"KeyTooLong", chain.KindInvalid, "the key is too long"},
	CodeValueTooLong:        {"ValueTooLong", chain.KindInvalid, "a value is too long"},
	CodeDuplicateField:      {"DuplicateField", chain.KindInvalid, "a column is there twice"},
	CodeInvalidField:        {"InvalidField", chain.KindInvalid, "the name of a column is not allowed"},
	CodeNoTable:             {"NoTable", chain.KindNotFound, "there is no such table"},
	CodeUnknownFunction:     {"UnknownFunction", chain.KindUnsupported, "the contract does not have this function"},
	CodeInvalidAddress:      {"InvalidAddress", chain.KindInvalid, "the address is not valid"},
	CodeSetRowFailed:        {"SetRowFailed", chain.KindNode, "the node could not write a row"},
	CodeCreateTableFailed:   {"CreateTableFailed", chain.KindNode, "the node could not create the table"},
	CodeOpenTableFailed:     {"OpenTableFailed", chain.KindNode, "the node could not open the table"},
	CodeWrongSender:         {"WrongSender", chain.KindDenied, "this sender may not call the function"},
	CodeNoAdminRow:          {"NoAdminRow", chain.KindNotFound, "the contract has no administrator"},
	CodeNoAuthRow:           {"NoAuthRow", chain.KindNotFound, "no permissions are set for the method"},
	CodeNoAuthType:          {"NoAuthType", chain.KindNotFound, "the method has no permission type yet: set it first"},
	CodeWrongAuthType:       {"WrongAuthType", chain.KindInvalid, "the permission type is neither white list nor black list"},
	CodeAuthDecodeFailed:    {"AuthDecodeFailed", chain.KindNode, "the node could not read the permissions"},
	CodeInvalidNodeID:       {"InvalidNodeID", chain.KindInvalid, "the node id is not 128 hex digits"},
	CodeLastSealer:          {"LastSealer", chain.KindInvalid, "the last sealer cannot be removed"},
	CodeInvalidWeight:       {"InvalidWeight", chain.KindInvalid, "the weight is not valid"},
	CodeNoNode:              {"NoNode", chain.KindNotFound, "the node is not in the group"},
	CodeNotObserver:         {"NotObserver", chain.KindInvalid, "the node must be an observer before it becomes a sealer"},
	CodeAddressOrVersion:    {"AddressOrVersion", chain.KindInvalid, "the contract address, the name or the version of the link is wrong"},
	CodeDagUserName:         {"DagUserName", chain.KindInvalid, "the name of the user is not valid"},
	CodeDagAmount:           {"DagAmount", chain.KindInvalid, "the amount is not valid"},
	CodeDagNoUser:           {"DagNoUser", chain.KindNotFound, "there is no such user"},
	CodeDagUserExists:       {"DagUserExists", chain.KindExists, "the user is there already"},
	CodeDagBalanceTooLow:    {"DagBalanceTooLow", chain.KindInvalid, "the balance of the user is too low"},
	CodeDagBalanceOverflow:  {"DagBalanceOverflow", chain.KindInvalid, "the balance of the user would overflow"},
	CodeDagOpenTableFailed:  {"DagOpenTableFailed", chain.KindNode, "the node could not open the table of users"},
	CodeEntryParse:          {"EntryParse", chain.KindInvalid, "the entry cannot be read"},
	CodeConditionParse:      {"ConditionParse", chain.KindInvalid, "the condition cannot be read"},
	CodeUnknownOperator:     {"UnknownOperator", chain.KindInvalid, "the operator of a condition is not known"},
	CodeKeyColumnUpdate:     {"KeyColumnUpdate", chain.KindInvalid, "the key column may not be updated"},
	CodeNoKeyInEntry:        {"NoKeyInEntry", chain.KindInvalid, "the entry has no key"},
	CodeInsertKeyExists:     {"InsertKeyExists", chain.KindExists, "a row with this key is there already"},
	CodeUpdateNoKey:         {"UpdateNoKey", chain.KindNotFound, "there is no row with this key to update"},
	CodeRemoveNoKey:         {"RemoveNoKey", chain.KindNotFound, "there is no row with this key to remove"},
	CodeInvalidCiphers:      {"InvalidCiphers", chain.KindInvalid, "the ciphers are not valid"},
	CodeGroupSignature:      {"GroupSignature", chain.KindInvalid, "the group signature cannot be verified"},
	CodeRingSignature:       {"RingSignature", chain.KindInvalid, "the ring signature cannot be verified"},
	CodeAccountExists:       {"AccountExists", chain.KindExists, "the account is there already"},
	CodeContractStatus:      {"ContractStatus", chain.KindInvalid, "the status of the contract does not allow it"},
	CodeRepeatedAuth:        {"RepeatedAuth", chain.KindExists, "the authorisation is there already"},
	CodeContractAddress:     {"ContractAddress", chain.KindInvalid, "the contract address is not valid"},
	CodeContractNoTable:     {"ContractNoTable", chain.KindNotFound, "there is no such contract"},
	CodeNoAuthority:         {"NoAuthority", chain.KindDenied, "the account has no authority over the contract"},
	CodeNothingToRevoke:     {"NothingToRevoke", chain.KindNotFound, "there is no authorisation to revoke"},
	CodeLastAuth:            {"LastAuth", chain.KindInvalid, "the last authorisation cannot be revoked"},
	CodeNoPath:              {"NoPath", chain.KindNotFound, "there is no such path"},
	CodePathExists:          {"PathExists", chain.KindExists, "the path is there already"},
	CodeMakeDirectoryFailed: {"MakeDirectoryFailed", chain.KindInvalid, "the directory cannot be made there"},
	CodeInvalidPath:         {"InvalidPath", chain.KindInvalid, "the path is not valid, or not open to users"},
	CodeWrongPathType:       {"WrongPathType", chain.KindInvalid, "the type does not fit the path"},
	CodeTooManyEntries:      {"TooManyEntries", chain.KindInvalid, "the directory has too many entries"},
}

// Name is that of the constant without Code, for example "NoPermission"; "Code"
// and the number for a code that the protocol does not name.
func (c Code) Name() string {
	if m, ok := codes[c]; ok {
		return m.name
	}
	return fmt.Sprintf("Code%d", int64(c))
}

// Meaning is what the code says, in words; "" for a code that the protocol does
// not name.
func (c Code) Meaning() string { return codes[c].meaning }

// Kind is what the code means to a caller: KindInvalid for a negative code that
// the protocol does not name, "" for success.
func (c Code) Kind() chain.Kind {
	if m, ok := codes[c]; ok {
		return m.kind
	}
	if c > 0 {
		return ""
	}
	return chain.KindInvalid
}

// Error is name and meaning.
func (c Code) Error() string {
	if m := c.Meaning(); m != "" {
		return c.Name() + ": " + m
	}
	return c.Name()
}
