package interop;

import java.util.List;
import java.util.Map;
import org.fisco.bcos.sdk.v3.model.TransactionReceipt;

/** What was seen. Hashes are as the SDK gives them. */
final class Report {
    public String chain;
    public int negotiatedProtocol;
    public Seen deployment;
    public List<Seen> sent; // in the order of sending
    public Seen repeated; // a save of a digest that is there already: it reverts
    public List<Event> events; // in the order of arrival
    public Map<String, String> table;
    public List<Read> transactions; // read back: of the other clients, then the own ones
    public List<Block> blocks; // from block 0 on
    public long head;
    public long totalTransactions;

    /** A transaction that was sent, and the receipt that came for it. */
    static final class Seen {
        public String signedHash; // known before it was sent
        public String transactionHash; // that of the receipt
        public String receiptHash;
        public int version;
        public int status;
        public String blockNumber;
        public String from;
        public String contractAddress;
        public String output;
        public String gasUsed;

        static Seen of(String signedHash, TransactionReceipt receipt) {
            Seen seen = new Seen();
            seen.signedHash = signedHash;
            seen.transactionHash = receipt.getTransactionHash();
            seen.receiptHash = receipt.getReceiptHash();
            seen.version = receipt.getVersion();
            seen.status = receipt.getStatus();
            seen.blockNumber = String.valueOf(receipt.getBlockNumber());
            seen.from = receipt.getFrom();
            seen.contractAddress = receipt.getContractAddress();
            seen.output = receipt.getOutput();
            seen.gasUsed = receipt.getGasUsed();
            return seen;
        }
    }

    /** An event that was pushed. */
    static final class Event {
        public String transactionHash;
        public String blockNumber;
        public String address;
        public List<String> topics;
        public String data;
    }

    /** A transaction and its receipt, read by hash, and the hashes that the SDK computes of what it read. */
    static final class Read {
        public String hash;
        public String computedHash;
        public String receiptHash;
        public String computedReceiptHash;
        public int status;
        public String blockNumber;
        public String from;
        public String to;
        public String input;
        public String contractAddress;
        public boolean transactionProven; // against the root of its block
        public boolean receiptProven;
    }

    static final class Block {
        public long number;
        public String hash;
        public String computedHash;
        public String hashByNumber;
        public String parentHash;
        public String txsRoot;
        public String receiptsRoot;
        public String stateRoot;
        public long timestamp;
        public List<String> transactions;
    }
}
