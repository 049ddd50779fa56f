package interop;

import java.math.BigInteger;
import java.nio.ByteBuffer;
import java.util.ArrayList;
import java.util.List;
import java.util.concurrent.CompletableFuture;
import java.util.concurrent.TimeUnit;
import org.fisco.bcos.sdk.v3.client.Client;
import org.fisco.bcos.sdk.v3.codec.abi.FunctionEncoder;
import org.fisco.bcos.sdk.v3.codec.datatypes.Function;
import org.fisco.bcos.sdk.v3.codec.datatypes.Utf8String;
import org.fisco.bcos.sdk.v3.codec.datatypes.generated.Bytes32;
import org.fisco.bcos.sdk.v3.crypto.keypair.CryptoKeyPair;
import org.fisco.bcos.sdk.v3.model.TransactionReceipt;
import org.fisco.bcos.sdk.v3.model.callback.TransactionCallback;
import org.fisco.bcos.sdk.v3.transaction.manager.TransactionProcessor;
import org.fisco.bcos.sdk.v3.transaction.manager.transactionv1.DefaultTransactionManager;
import org.fisco.bcos.sdk.v3.utils.Hex;

/** The Evidence contract, sent to in both ways that the SDK has: version 0 and version 1. */
final class Evidence {
    private static final int SECONDS = 60; // for all answers
    private static final String EVENT = "Saved(bytes32,address,uint256,string)";

    private final TransactionProcessor version0;
    private final DefaultTransactionManager version1;
    private final FunctionEncoder encoder;
    private final CryptoKeyPair account;
    private final String topic;
    private Report.Seen deployment;

    private Evidence(Client client) {
        account = client.getCryptoSuite().getCryptoKeyPair();
        version0 = new TransactionProcessor(client, account, client.getGroup(), client.getChainId());
        version1 = new DefaultTransactionManager(client);
        encoder = new FunctionEncoder(client.getCryptoSuite());
        topic = "0x" + Hex.toHexString(client.getCryptoSuite().hash(EVENT.getBytes()));
    }

    static Evidence deploy(Client client, Order order) throws Exception {
        Evidence evidence = new Evidence(client);
        TransactionReceipt receipt = evidence.version0.deployAndGetReceipt("", Hex.decode(order.code), order.abi, evidence.account, 0);
        if (!receipt.isStatusOK()) {
            throw new IllegalStateException("deployment: " + receipt);
        }
        evidence.deployment = Report.Seen.of(receipt.getTransactionHash(), receipt);
        return evidence;
    }

    Report.Seen deployment() {
        return deployment;
    }

    String address() {
        return deployment.contractAddress;
    }

    String topic() {
        return topic;
    }

    /** Saves as many digests as are ordered, all under way at a time, and gives the receipts of all. */
    List<Report.Seen> saveAll(Order order) throws Exception {
        List<String> hashes = new ArrayList<>();
        List<CompletableFuture<TransactionReceipt>> answers = new ArrayList<>();
        for (int i = 0; i < order.count; i++) {
            Answer answer = new Answer();
            hashes.add(send(i, i % 2, answer));
            answers.add(answer.receipt);
        }
        CompletableFuture.allOf(answers.toArray(new CompletableFuture<?>[0])).get(SECONDS, TimeUnit.SECONDS);
        List<Report.Seen> seen = new ArrayList<>();
        for (int i = 0; i < order.count; i++) {
            seen.add(Report.Seen.of(hashes.get(i), answers.get(i).get()));
        }
        return seen;
    }

    /** Saves the first digest once more, which the contract refuses. */
    Report.Seen saveAgain(Order order) throws Exception {
        Answer answer = new Answer();
        String hash = send(0, 0, answer);
        return Report.Seen.of(hash, answer.receipt.get(SECONDS, TimeUnit.SECONDS));
    }

    private String send(int i, int version, TransactionCallback answer) throws Exception {
        byte[] digest = ByteBuffer.allocate(32).putInt(28, i + 1).array();
        byte[] call = encoder.encode(new Function("save", List.of(new Bytes32(digest), new Utf8String("row " + i)), List.of()));
        if (version == 0) {
            return version0.sendTransactionAsync(address(), call, account, 0, answer);
        }
        return version1.asyncSendTransaction(address(), call, BigInteger.ZERO, "", false, answer);
    }

    /** A receipt that is still to come. */
    private static final class Answer extends TransactionCallback {
        final CompletableFuture<TransactionReceipt> receipt = new CompletableFuture<>();

        @Override
        public void onResponse(TransactionReceipt answer) {
            receipt.complete(answer);
        }

        @Override
        public void onError(int code, String message) {
            receipt.completeExceptionally(new IllegalStateException("error " + code + ": " + message));
        }

        @Override
        public void onTimeout() {
            receipt.completeExceptionally(new IllegalStateException("no answer in time"));
        }
    }
}
