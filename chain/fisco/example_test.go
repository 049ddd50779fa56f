package fisco_test

import (
	"context"
	"fmt"
	"log"
	"time"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/certs"
	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/chain/fisco"
	"github.com/bcosgate/bcosgate/chain/fisco/proof"
	"github.com/bcosgate/bcosgate/chain/fisco/suite"
	"github.com/bcosgate/bcosgate/chain/fisco/tx"
	"github.com/bcosgate/bcosgate/contracts"
)

// A transaction from the key to the proof that a quorum of sealers signed its
// block.
func Example() {
	cert, roots, err := certs.LoadTLSCert(certs.Files{CA: "sdk/ca.crt", Cert: "sdk/sdk.crt", Key: "sdk/sdk.key"})
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	session, err := fisco.OpenSession(ctx, fisco.SessionConfig{DialConfig: fisco.DialConfig{
		Address: "127.0.0.1:20200", TLS: certs.ClientConfig(cert, roots), ChainID: "chain0", Group: "group0",
	}})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	client, err := session.Client(ctx)
	if err != nil {
		log.Fatal(err)
	}

	key, err := suite.GenerateKey(client.Suite())
	if err != nil {
		log.Fatal(err)
	}
	signer := tx.NewSigner(key, "chain0", "group0")
	evidence, _ := contracts.Builtin("Evidence")
	terms, err := session.Terms(ctx, signer.Nonce("deploy Evidence"))
	if err != nil {
		log.Fatal(err)
	}
	signed, err := signer.Sign(chain.Intent{Input: evidence.Bytecode, ABI: evidence.ABI.JSON()}, terms)
	if err != nil {
		log.Fatal(err)
	}
	receipt, err := client.Submit(ctx, signed) // stays with it until its fate is known
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(receipt.Contract, receipt.BlockNumber)

	transaction, err := client.GetTransaction(ctx, signed.Hash, true)
	if err != nil {
		log.Fatal(err)
	}
	full, err := client.GetTransactionReceipt(ctx, signed.Hash, true)
	if err != nil {
		log.Fatal(err)
	}
	block, err := client.GetBlockByNumber(ctx, receipt.BlockNumber, fisco.BlockHeader)
	if err != nil {
		log.Fatal(err)
	}
	before, err := client.GetBlockByNumber(ctx, receipt.BlockNumber-1, fisco.BlockHeader)
	if err != nil {
		log.Fatal(err)
	}
	err = proof.VerifyInclusion(client.Suite(), signed.Hash, proof.Inclusion{
		Transaction: &transaction, Receipt: &full, Block: &block, Sealers: proof.BlockSealers(&before),
	})
	fmt.Println("proven:", err == nil)
}

// The events of a contract from its first block on, decoded by its ABI, each
// once, also over breaks of the connection.
func ExampleSession_Subscribe() {
	ctx := context.Background()
	session, err := fisco.OpenSession(ctx, fisco.SessionConfig{DialConfig: fisco.DialConfig{Address: "127.0.0.1:20200", ChainID: "chain0", Group: "group0"}})
	if err != nil {
		log.Fatal(err)
	}
	defer session.Close()
	evidence, _ := contracts.Builtin("Evidence")
	events, err := session.Subscribe(ctx, fisco.EventFilter{
		FromBlock: 1,
		Addresses: []common.Address{common.HexToAddress("0x6849f21d1e455e9f0712b1e99fa4fcd23758e8f1")},
		Decode:    func(l chain.Log) (any, error) { return evidence.ABI.DecodeLog(l) },
	})
	if err != nil {
		log.Fatal(err)
	}
	defer events.Close()
	for e := range events.Events() {
		fmt.Println(e.Block, e.TxHash, e.Decoded)
	}
	if err := events.Err(); err != nil {
		log.Fatal(err)
	}
}
