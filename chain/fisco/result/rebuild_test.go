package result

import (
	"encoding/json"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tars"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
)

// shown is how a node shows a transaction, with the nonce as it writes it.
func shown(s suite.Suite, data tars.TransactionData, nonce string) Transaction {
	extension := make([]int, len(data.Extension))
	for i, b := range data.Extension {
		extension[i] = int(int8(b)) // jsoncpp has no other bytes
	}
	return Transaction{
		Version: data.Version, Hash: tx.Hash(s, &data), Nonce: nonce, BlockLimit: data.BlockLimit, To: data.To,
		From: "0x6370ef2f4db3611d657b90667de398a2cc2a370c", Input: data.Input, ABI: data.ABI, ChainID: data.ChainID, GroupID: data.GroupID,
		ImportTime: 1795237324012, Signature: make([]byte, s.SignatureLen()), ExtraData: "memo", Value: data.Value, GasPrice: data.GasPrice,
		GasLimit: data.GasLimit, MaxFeePerGas: data.MaxFeePerGas, MaxPriorityFeePerGas: data.MaxPriorityFeePerGas, Extension: extension,
	}
}

func TestRebuildFindsTheNonce(t *testing.T) {
	t.Parallel()
	for name, c := range map[string]struct{ nonce, shown string }{
		"hex from 3.3 on":            {"12", "3132"},
		"text before":                {"12", "12"},
		"digits that could be hex":   {"3132", "3132"},
		"hex of digits":              {"3132", "33313332"},
		"an odd number of digits":    {"123", "123"},
		"no nonce":                   {"", ""},
		"hex of text that is no hex": {"any text / é", "616e792074657874202f20c3a9"},
	} {
		for _, s := range []suite.Suite{suite.Standard, suite.GM} {
			data := tars.TransactionData{Version: 2, ChainID: "chain0", GroupID: "group0", BlockLimit: 501, Nonce: c.nonce,
				To: "6849f21d1e455e9f0712b1e99fa4fcd23758e8f1", Input: []byte{1, 2}, Value: "0x0", Extension: []byte{0, 127, 128, 255}}
			of := shown(s, data, c.shown)
			rebuilt, err := of.Rebuild(s)
			require.NoError(t, err, name)
			require.Equal(t, data, rebuilt.Data, name)
			require.Equal(t, of.Hash, rebuilt.Hash, name)
			require.Equal(t, of.Hash[:], rebuilt.DataHash, name)
			require.Equal(t, "memo", rebuilt.ExtraData, name)
			require.Len(t, rebuilt.Transaction.Sender, 20, name)
		}
	}
}

func TestRebuildRefuses(t *testing.T) {
	t.Parallel()
	good := func() Transaction {
		return shown(suite.Standard, tars.TransactionData{Version: 1, ChainID: "chain0", Nonce: "1", Value: "0x0"}, "31")
	}
	v := good()
	_, err := v.Rebuild(suite.Standard)
	require.NoError(t, err)

	_, err = v.Rebuild(suite.GM)
	var hash *HashError
	require.ErrorAs(t, err, &hash)
	require.Equal(t, v.Hash, hash.Shown)
	require.NotEqual(t, v.Hash, hash.Computed)

	v = good()
	v.Input = Hex{1}
	_, err = v.Rebuild(suite.Standard)
	require.ErrorAs(t, err, &hash)

	var member *MemberError
	v = good()
	v.From = "0xzz"
	_, err = v.Rebuild(suite.Standard)
	require.ErrorAs(t, err, &member)
	require.Equal(t, "from", member.Member)

	for _, b := range []int{-129, 256} {
		v = good()
		v.Extension = []int{b}
		_, err = v.Rebuild(suite.Standard)
		require.ErrorAs(t, err, &member)
		require.Equal(t, "extension", member.Member)
	}
}

// A Web3 transaction as a node of 3.16.4 shows it.
func TestRebuildKnowsWeb3Transactions(t *testing.T) {
	t.Parallel()
	var v Transaction
	require.NoError(t, json.Unmarshal([]byte(`{"abi":"","blockLimit":0,"chainID":"20200","extraData":"","from":"0x6370ef2f4db3611d657b90667de398a2cc2a370c","gasLimit":3000000,"gasPrice":"7","groupID":"","hash":"0x0ae700bb7b59081e8c7028b76db80087da55a29c004af2d454a9bc29e1df8c8d","importTime":1795237420443,"input":"0x4ed3885e000000000000000000000000000000000000000000000000000000000000002000000000000000000000000000000000000000000000000000000000000000096761732070726963650000000000000000000000000000000000000000000000","nonce":"307839","signature":"0x2f51cfa683480e9425ca2613aec9c84bd8775d27087a36921e7b523ee197ecf240628fecc0a9a850c3277409852caedefed152ad06162ba98b66e7ae7b0bd49f00","to":"0x7d47cc95ae01ac8b35dea2a1b74632692d8697cf","value":"0","version":0}`), &v))
	_, err := v.Rebuild(suite.Standard)
	require.ErrorIs(t, err, ErrWeb3)
}
