package system

import (
	"bytes"
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
)

// protocolCodes is the list of protocol §8.2, and what each code means to a
// caller.
var protocolCodes = map[int64]chain.Kind{
	0:      "",
	-50000: chain.KindDenied, -50001: chain.KindExists, -50002: chain.KindInvalid, -50003: chain.KindInvalid, -50004: chain.KindInvalid,
	-50005: chain.KindInvalid, -50006: chain.KindInvalid, -50007: chain.KindInvalid, -50008: chain.KindInvalid,
	-50100: chain.KindNotFound, -50101: chain.KindUnsupported, -50102: chain.KindInvalid, -50103: chain.KindNode, -50104: chain.KindNode,
	-50105: chain.KindNode, -50106: chain.KindDenied,
	-51000: chain.KindNotFound, -51001: chain.KindNotFound, -51002: chain.KindNotFound, -51003: chain.KindInvalid, -51004: chain.KindNode,
	-51100: chain.KindInvalid, -51101: chain.KindInvalid, -51102: chain.KindInvalid, -51103: chain.KindNotFound, -51104: chain.KindInvalid,
	-51202: chain.KindInvalid,
	-51400: chain.KindInvalid, -51401: chain.KindInvalid, -51402: chain.KindNotFound, -51403: chain.KindExists, -51404: chain.KindInvalid,
	-51405: chain.KindInvalid, -51406: chain.KindNode,
	-51500: chain.KindInvalid, -51501: chain.KindInvalid, -51502: chain.KindInvalid, -51503: chain.KindInvalid, -51504: chain.KindInvalid,
	-51506: chain.KindExists, -51507: chain.KindNotFound, -51508: chain.KindNotFound,
	-51600: chain.KindInvalid, -51700: chain.KindInvalid, -51800: chain.KindInvalid,
	-51900: chain.KindExists, -51901: chain.KindInvalid, -51902: chain.KindExists, -51903: chain.KindInvalid, -51904: chain.KindNotFound,
	-51905: chain.KindDenied, -51906: chain.KindNotFound, -51907: chain.KindInvalid,
	-53001: chain.KindNotFound, -53002: chain.KindExists, -53003: chain.KindInvalid, -53005: chain.KindInvalid, -53006: chain.KindInvalid,
	-53007: chain.KindInvalid,
}

// signed is a number as an int256.
func signed(n int64) []byte {
	v := big.NewInt(n)
	if n < 0 {
		v.Add(v, new(big.Int).Lsh(big.NewInt(1), 256))
	}
	return v.FillBytes(make([]byte, 32))
}

func TestEveryCodeOfTheProtocol(t *testing.T) {
	t.Parallel()
	require.Len(t, codes, len(protocolCodes))
	names := map[string]bool{}
	for number, kind := range protocolCodes {
		code := Code(number)
		require.Contains(t, codes, code)
		require.Regexp(t, regexp.MustCompile(`^[A-Z][A-Za-z]+$`), code.Name())
		require.False(t, names[code.Name()], "%s is there twice", code.Name())
		names[code.Name()] = true
		require.NotEmpty(t, code.Meaning())
		require.Equal(t, code.Name()+": "+code.Meaning(), code.Error())
		require.Equal(t, kind, code.Kind(), code.Name())

		w, err := New(nil, suite.Standard).Consensus().AddSealer(nodeID, 1)
		require.NoError(t, err)
		_, err = w.Result(chain.Receipt{Output: signed(number), Succeeded: true})
		if number == 0 {
			require.NoError(t, err)
			continue
		}
		border, ok := errors.AsType[*chain.Error](err)
		require.True(t, ok)
		require.Equal(t, chain.Error{Kind: kind, Sent: chain.SentYes, Op: "Consensus.addSealer", Code: int(number),
			Err: &CodeError{Code: code, Contract: "Consensus", Function: "addSealer"}}, *border)
		require.EqualError(t, err, fmt.Sprintf("Consensus.addSealer: %s (code %d): %s: %s", kind, number, code.Name(), code.Meaning()))
		require.ErrorIs(t, err, code)
		require.NotErrorIs(t, err, code-1)
	}
}

func TestCodesThatTheProtocolDoesNotName(t *testing.T) {
	t.Parallel()
	require.Equal(t, "Code-51999", Code(-51999).Name())
	require.Equal(t, "Code-51999", Code(-51999).Error())
	require.Empty(t, Code(-51999).Meaning())
	require.Equal(t, chain.KindInvalid, Code(-51999).Kind())
	require.Empty(t, Code(3).Kind(), "a number of rows is no error")
}

func TestFailedExecutions(t *testing.T) {
	t.Parallel()
	standard, gm := []byte{0x08, 0xc3, 0x79, 0xa0}, []byte{0xc7, 0x03, 0xcb, 0x12}
	for _, tt := range []struct {
		status   int
		selector []byte
		text     string
		message  string
		kind     chain.Kind
		code     Code
	}{
		{15, standard, "unsupported key no_such_key", "", chain.KindInvalid, 0},
		{15, gm, "SystemConfigPrecompiled call undefined function!", "", chain.KindUnsupported, 0},
		{15, standard, "InternalPrecompiledFailed", "", chain.KindNode, 0},
		{15, standard, "errorCode: -50002 tableName length overflow 50", "", chain.KindInvalid, CodeTableNameTooLong},
		{15, standard, "errorCode: -50000 of some contract", "", chain.KindDenied, CodeNoPermission},
		{15, standard, "-59999 is no code, nor is -500020", "", chain.KindInvalid, 0},
		{15, standard, "caller already exist", "", chain.KindExists, 0},
		{15, standard, "only governor can register caller", "", chain.KindDenied, 0},
		{15, nil, "", "a text of the node", chain.KindInvalid, 0},
		{16, standard, "Call address error.", "", chain.KindUnsupported, 0},
		{16, gm, "you must be governor", "", chain.KindDenied, 0},
		{16, standard, "Current proposal not end", "", chain.KindExists, 0},
		{16, standard, "Proposal not exist", "", chain.KindNotFound, 0},
		{16, standard, "any other", "", chain.KindInvalid, 0},
		{12, standard, "Execution out of gas.", "", chain.KindNode, 0},
		{18, nil, "", "", chain.KindDenied, 0},
		{19, nil, "", "", chain.KindUnsupported, 0},
		{21, nil, "", "", chain.KindDenied, 0},
		{22, nil, "", "", chain.KindDenied, 0},
		{23, nil, "", "", chain.KindDenied, 0},
		{24, nil, "", "", chain.KindDenied, 0},
		{-7, nil, "", "", chain.KindNode, 0},
	} {
		output := tt.selector
		if tt.text != "" {
			output = append(bytes.Clone(tt.selector), oracle(t, "f(string)", tt.text)...)
		}
		w, err := New(nil, suite.GM).BFS().MakeDirectory("/apps/a")
		require.NoError(t, err)
		_, err = w.Result(chain.Receipt{Status: tt.status, StatusName: "AName", Output: output, Message: tt.message})
		border, ok := errors.AsType[*chain.Error](err)
		require.True(t, ok)
		reason := tt.text + tt.message
		require.Equal(t, chain.Error{Kind: tt.kind, Sent: chain.SentYes, Op: "BFS.mkdir", Code: tt.status,
			Err: &StatusError{Contract: "BFS", Function: "mkdir", Status: tt.status, StatusName: "AName", Reason: reason, Code: tt.code}}, *border, reason)
		require.Equal(t, tt.code != 0, errors.Is(err, tt.code), reason)
	}
	require.EqualError(t, &StatusError{Status: 99}, "status 99")
}
