package interop;

import java.math.BigInteger;
import java.util.ArrayList;
import java.util.HashMap;
import java.util.List;
import java.util.Map;
import java.util.stream.Collectors;
import org.fisco.bcos.sdk.v3.client.Client;
import org.fisco.bcos.sdk.v3.client.protocol.model.JsonTransactionResponse;
import org.fisco.bcos.sdk.v3.client.protocol.response.BcosBlock;
import org.fisco.bcos.sdk.v3.crypto.CryptoSuite;
import org.fisco.bcos.sdk.v3.model.TransactionReceipt;
import org.fisco.bcos.sdk.v3.utils.MerkleProofUtility;

/** Reads transactions, receipts and blocks, and computes their hashes anew with the SDK's own code. */
final class Ledger {
    private final Client client;
    private final CryptoSuite suite;
    private final Map<BigInteger, BcosBlock.Block> headers = new HashMap<>();

    Ledger(Client client) {
        this.client = client;
        this.suite = client.getCryptoSuite();
    }

    List<Report.Read> transactions(List<String> hashes) throws Exception {
        List<Report.Read> reads = new ArrayList<>();
        for (String hash : hashes) {
            reads.add(transaction(hash));
        }
        return reads;
    }

    private Report.Read transaction(String hash) throws Exception {
        JsonTransactionResponse transaction = client.getTransaction(hash, true).getTransaction().orElseThrow();
        TransactionReceipt receipt = client.getTransactionReceipt(hash, true).getTransactionReceipt();
        BcosBlock.Block block = header(receipt.getBlockNumber());
        Report.Read read = new Report.Read();
        read.hash = transaction.getHash();
        read.computedHash = transaction.calculateTxHashInNative(suite.getHashImpl());
        read.receiptHash = receipt.getReceiptHash();
        read.status = receipt.getStatus();
        read.blockNumber = String.valueOf(receipt.getBlockNumber());
        read.from = transaction.getFrom();
        read.to = transaction.getTo();
        read.input = transaction.getInput();
        read.contractAddress = receipt.getContractAddress();
        read.transactionProven = MerkleProofUtility.verifyMerkle(block.getTransactionsRoot(), transaction.getTxProof(), hash, suite);
        read.receiptProven = MerkleProofUtility.verifyMerkle(block.getReceiptsRoot(), receipt.getTxReceiptProof(), receipt.getReceiptHash(), suite);
        read.computedReceiptHash = computeHash(receipt);
        return read;
    }

    /**
     * Null for a deployment: the hash covers the address without 0x, and the SDK always puts 0x
     * before it. Its other method, calculateReceiptHashInNative, hashes hex texts in place of bytes
     * and agrees with no node.
     */
    private String computeHash(TransactionReceipt receipt) {
        return receipt.getContractAddress().isEmpty() ? receipt.calculateReceiptHash(suite) : null;
    }

    private BcosBlock.Block header(BigInteger number) {
        return headers.computeIfAbsent(number, n -> client.getBlockByNumber(n, true, true).getBlock());
    }

    long head() {
        return client.getBlockNumber().getBlockNumber().longValueExact();
    }

    long totalTransactions() {
        String count = client.getTotalTransactionCount().getTotalTransactionCount().getTransactionCount();
        return Long.decode(count);
    }

    List<Report.Block> blocks() throws Exception {
        List<Report.Block> blocks = new ArrayList<>();
        for (long number = 0, head = head(); number <= head; number++) {
            blocks.add(block(BigInteger.valueOf(number)));
        }
        return blocks;
    }

    private Report.Block block(BigInteger number) throws Exception {
        String hash = client.getBlockHashByNumber(number).getBlockHashByNumber();
        BcosBlock.Block read = client.getBlockByNumber(number, false, true).getBlock();
        BcosBlock.Block full = client.getBlockByHash(read.getHash(), false, false).getBlock();
        Report.Block block = new Report.Block();
        block.number = read.getNumber();
        block.hash = full.getHash();
        block.computedHash = full.calculateBlockHeaderHash(suite.getHashImpl());
        block.hashByNumber = hash;
        block.parentHash = full.getParentInfo().isEmpty() ? null : full.getParentInfo().get(0).getBlockHash();
        block.txsRoot = full.getTransactionsRoot();
        block.receiptsRoot = full.getReceiptsRoot();
        block.stateRoot = full.getStateRoot();
        block.timestamp = full.getTimestamp();
        block.transactions =
                full.getTransactionObject().stream().map(JsonTransactionResponse::getHash).collect(Collectors.toList());
        return block;
    }
}
