package system

import (
	"encoding/hex"

	"github.com/ethereum/go-ethereum/common"
)

// Codes that contracts answer with (protocol section 8.2).
const (
	codeSuccess = 0

	codeNoAuthorized    = -50000
	codeTableExists     = -50001
	codeNameTooLong     = -50002
	codeFieldTooLong    = -50003
	codeKeyTooLong      = -50005
	codeValueTooLong    = -50006
	codeDuplicateField  = -50007
	codeTableMissing    = -50100
	codeUnknownFunction = -50101

	codeAuthRowMissing  = -51001
	codeAuthTypeMissing = -51002
	codeWrongAuthType   = -51003

	codeInvalidNodeID  = -51100
	codeLastSealer     = -51101
	codeInvalidWeight  = -51102
	codeNodeMissing    = -51103
	codeObserverFirst  = -51104
	codeAddressVersion = -51202

	codeNoDagTable = -51406
	codeNoUserName = -51400
	codeNoAmount   = -51401

	codeInsertExists  = -51506
	codeUpdateMissing = -51507
	codeRemoveMissing = -51508

	codeCiphers       = -51600
	codeGroupSig      = -51700
	codeRingSig       = -51800
	codeAccountExists = -51900

	codeFileMissing   = -53001
	codeFileExists    = -53002
	codeBuildFailed   = -53003
	codeInvalidPath   = -53005
	codeInvalidFormat = -53006
)

// hexText is an address as the node writes it in its tables: 40 lower-case digits.
func hexText(a common.Address) string { return hex.EncodeToString(a[:]) }
