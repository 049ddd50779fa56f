package web3

import (
	"context"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/ethereum/go-ethereum"
	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/common/hexutil"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/ethclient"
	"github.com/ethereum/go-ethereum/rpc"
	"github.com/stretchr/testify/require"
)

func dial(t *testing.T, url string) *ethclient.Client {
	t.Helper()
	client, err := ethclient.DialContext(t.Context(), url)
	require.NoError(t, err)
	t.Cleanup(client.Close)
	return client
}

// The way of a program that knows Ethereum only, from the first question to logs.
func TestEthclientEndToEnd(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := dial(t, w.url)
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()

	id, err := client.ChainID(ctx)
	require.NoError(t, err)
	require.EqualValues(t, chainID, id.Int64())
	balance, err := client.BalanceAt(ctx, w.from, nil)
	require.NoError(t, err)
	require.Equal(t, "1000000000000000000", balance.String())
	price, err := client.SuggestGasPrice(ctx)
	require.NoError(t, err)
	require.Zero(t, price.Sign())

	var store common.Address
	for i, build := range []func(nonce, gas uint64, to *common.Address, data []byte) types.TxData{
		func(nonce, gas uint64, to *common.Address, data []byte) types.TxData {
			return &types.LegacyTx{Nonce: nonce, Gas: gas, To: to, Data: data}
		},
		func(nonce, gas uint64, to *common.Address, data []byte) types.TxData {
			return &types.AccessListTx{ChainID: id, Nonce: nonce, Gas: gas, To: to, Data: data}
		},
		func(nonce, gas uint64, to *common.Address, data []byte) types.TxData {
			return &types.DynamicFeeTx{ChainID: id, Nonce: nonce, Gas: gas, To: to, Data: data}
		},
	} {
		send := func(to *common.Address, data []byte) *types.Receipt {
			nonce, err := client.PendingNonceAt(ctx, w.from)
			require.NoError(t, err)
			gas, err := client.EstimateGas(ctx, ethereum.CallMsg{From: w.from, To: to, Data: data})
			require.NoError(t, err)
			tx := w.sign(build(nonce, gas, to, data))
			require.NoError(t, client.SendTransaction(ctx, tx))
			var receipt *types.Receipt
			require.Eventually(t, func() bool {
				receipt, err = client.TransactionReceipt(ctx, tx.Hash())
				return err == nil
			}, patience, 2*time.Millisecond)
			require.Equal(t, types.ReceiptStatusSuccessful, receipt.Status)
			require.EqualValues(t, i, receipt.Type)
			require.Equal(t, gas, receipt.GasUsed)
			shown, pending, err := client.TransactionByHash(ctx, tx.Hash())
			require.False(t, pending)
			if tx.Type() == types.LegacyTxType { // a node shows its recovery id as v
				require.ErrorContains(t, err, "invalid transaction v, r, s values")
				return receipt
			}
			require.NoError(t, err)
			require.Equal(t, tx.Hash(), shown.Hash())
			return receipt
		}
		store = send(nil, initCode(storeCode)).ContractAddress
		word := common.LeftPadBytes([]byte{byte(i + 1)}, 32)
		receipt := send(&store, word)

		out, err := client.CallContract(ctx, ethereum.CallMsg{To: &store, Data: word}, nil)
		require.NoError(t, err)
		require.Equal(t, word, out)
		slot, err := client.StorageAt(ctx, store, common.Hash{}, nil)
		require.NoError(t, err)
		require.Equal(t, word, slot)
		code, err := client.CodeAt(ctx, store, nil)
		require.NoError(t, err)
		require.Equal(t, storeCode, code)

		logs, err := client.FilterLogs(ctx, ethereum.FilterQuery{
			FromBlock: receipt.BlockNumber, ToBlock: receipt.BlockNumber, Addresses: []common.Address{store}, Topics: [][]common.Hash{},
		})
		require.NoError(t, err)
		require.Len(t, logs, 1)
		require.Equal(t, word, logs[0].Data)
		require.Equal(t, receipt.TxHash, logs[0].TxHash)

		header, err := client.HeaderByNumber(ctx, receipt.BlockNumber)
		require.NoError(t, err)
		require.Equal(t, receipt.BlockNumber, header.Number)
		require.InDelta(t, time.Now().Unix(), header.Time, 60, "seconds")
		require.EqualValues(t, shownGasLimit, header.GasLimit)
	}
	number, err := client.BlockNumber(ctx)
	require.NoError(t, err)
	require.EqualValues(t, 6, number)

	_, err = client.CallContract(ctx, ethereum.CallMsg{To: &common.Address{7}, Data: []byte{1}}, nil)
	var withData rpc.DataError
	require.ErrorAs(t, err, &withData)
	require.True(t, strings.HasPrefix(withData.ErrorData().(string), "0x08c379a0"), "the revert data reaches the client")

	poor := w.sign(&types.LegacyTx{Nonce: 0, To: &store})
	require.ErrorContains(t, client.SendTransaction(ctx, poor), "NonceCheckFail")
	_, err = client.TransactionReceipt(ctx, common.Hash{1})
	require.ErrorIs(t, err, ethereum.NotFound)
}

func TestEthclientBatches(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := dial(t, w.url).Client()
	batch := make([]rpc.BatchElem, DefaultBatchLimit)
	for i := range batch {
		batch[i] = rpc.BatchElem{Method: "eth_chainId", Result: new(hexutil.Uint64)}
	}
	batch[3].Method = "nope"
	require.NoError(t, client.BatchCallContext(t.Context(), batch))
	for i, e := range batch {
		if i == 3 {
			require.ErrorContains(t, e.Error, "Method not found")
			continue
		}
		require.NoError(t, e.Error)
		require.EqualValues(t, chainID, *e.Result.(*hexutil.Uint64))
	}
}

func TestEthclientSubscribesToHeads(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	client := dial(t, "ws"+strings.TrimPrefix(w.url, "http"))
	heads := make(chan *types.Header, 10)
	subscription, err := client.SubscribeNewHead(t.Context(), heads)
	require.NoError(t, err)
	for nonce := range uint64(3) {
		receipt := w.land(&types.LegacyTx{Nonce: nonce, To: &common.Address{1}, Value: big.NewInt(1)})
		select {
		case head := <-heads:
			require.Equal(t, receipt.BlockNumber, head.Number.Uint64())
		case err := <-subscription.Err():
			require.NoError(t, err)
		case <-time.After(patience):
			t.Fatal("no head came")
		}
	}
	subscription.Unsubscribe()
}
