package result

import (
	"encoding/json"
	"reflect"
	"testing"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// transferReceipt is the answer of a node to the transfer of a token, 1 kB with
// one event.
const transferReceipt = `{"blockNumber":63,"checksumContractAddress":"","contractAddress":"","extraData":"","from":"0x6370ef2f4db3611d657b90667de398a2cc2a370c","gasUsed":"40199","hash":"0xea4175c35966a937a1033d5988fee0451e8206242d18badc0ed1bea1bc04be16","input":"0xa9059cbb000000000000000000000000b642dd67d06bfe5713a57729ffb4232e9f45f2ff00000000000000000000000000000000000000000000000000000000000003e8","logEntries":[{"address":"cd36b220df0e3743d8d98789ac0fc31284df8e17","data":"0x00000000000000000000000000000000000000000000000000000000000003e8","topics":["0xddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef","0x0000000000000000000000006370ef2f4db3611d657b90667de398a2cc2a370c","0x000000000000000000000000b642dd67d06bfe5713a57729ffb4232e9f45f2ff"]}],"message":"","output":"0x0000000000000000000000000000000000000000000000000000000000000001","status":0,"to":"cd36b220df0e3743d8d98789ac0fc31284df8e17","transactionHash":"0x90789748cc2bb4b93e8e61685033279f582bf08b171650ea98eb2729bc85ba1f","transactionProof":null,"version":0}`

// BenchmarkReceipt reads a receipt of 1 kB: with encoding/json into the same
// struct without its methods, with this package, and with the envelope around it.
func BenchmarkReceipt(b *testing.B) {
	data := []byte(transferReceipt)
	response := []byte(`{"id":1,"jsonrpc":"2.0","result":` + transferReceipt + `}`)
	plain := plainType(reflect.TypeFor[Receipt]())
	run := func(name string, read func() error) {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(data)))
			b.ReportAllocs()
			for b.Loop() {
				if err := read(); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
	run("encodingjson", func() error { return json.Unmarshal(data, reflect.New(plain).Interface()) })
	run("result", func() error { return new(Receipt).UnmarshalJSON(data) })
	run("response", func() error {
		_, err := jsonrpc.DecodeResponse[Receipt](response)
		return err
	})
}
