package interop;

import com.fasterxml.jackson.databind.ObjectMapper;
import java.io.File;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import org.fisco.bcos.sdk.v3.BcosSDK;
import org.fisco.bcos.sdk.v3.client.Client;
import org.fisco.bcos.sdk.v3.config.ConfigOption;
import org.fisco.bcos.sdk.v3.config.model.ConfigProperty;

/**
 * Does with the official Java SDK what its users do, and writes down what it saw: {@code Interop
 * ORDER.json REPORT.json}. A step that fails ends the program with a stack trace and exit code 1.
 */
public final class Interop {
    private Interop() {}

    public static void main(String[] args) {
        try {
            ObjectMapper json = new ObjectMapper();
            Report report = run(json.readValue(new File(args[0]), Order.class));
            json.writerWithDefaultPrettyPrinter().writeValue(new File(args[1]), report);
        } catch (Throwable e) {
            e.printStackTrace();
            System.exit(1);
        }
        System.exit(0); // the SDK's threads do not end by themselves
    }

    private static Report run(Order order) throws Exception {
        BcosSDK sdk = new BcosSDK(config(order));
        Client client = sdk.getClient(order.group);
        Report report = new Report();
        report.chain = client.getChainId();
        report.negotiatedProtocol = client.getNegotiatedProtocol() >> 16;

        Evidence evidence = Evidence.deploy(client, order);
        report.deployment = evidence.deployment();
        Pushes pushes = Pushes.subscribe(client, evidence.address(), evidence.topic());
        report.sent = evidence.saveAll(order);
        report.events = pushes.await(order.count);
        report.repeated = evidence.saveAgain(order);

        if (order.table != null) {
            report.table = new Table(client, order.table).use();
        }
        List<String> hashes = new ArrayList<>(order.hashes);
        report.sent.forEach(seen -> hashes.add(seen.transactionHash));
        hashes.add(report.deployment.transactionHash);
        hashes.add(report.repeated.transactionHash);
        Ledger ledger = new Ledger(client);
        report.transactions = ledger.transactions(hashes);
        report.blocks = ledger.blocks();
        report.head = ledger.head();
        report.totalTransactions = ledger.totalTransactions();
        sdk.stopAll();
        return report;
    }

    private static ConfigOption config(Order order) throws Exception {
        ConfigProperty property = new ConfigProperty();
        property.cryptoMaterial = Map.of("certPath", order.certs, "useSMCrypto", "false", "disableSsl", "false");
        property.network = Map.of("peers", List.of(order.node), "defaultGroup", order.group);
        property.account = Map.of("keyStoreDir", order.accounts, "accountFileFormat", "pem");
        property.threadPool = Map.of();
        property.amop = List.of();
        return new ConfigOption(property);
    }
}
