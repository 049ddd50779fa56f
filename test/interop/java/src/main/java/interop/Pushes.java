package interop;

import java.math.BigInteger;
import java.util.List;
import java.util.ArrayList;
import java.util.concurrent.LinkedBlockingQueue;
import java.util.concurrent.TimeUnit;
import org.fisco.bcos.sdk.v3.client.Client;
import org.fisco.bcos.sdk.v3.eventsub.EventSubParams;
import org.fisco.bcos.sdk.v3.eventsub.EventSubscribe;
import org.fisco.bcos.sdk.v3.model.EventLog;

/** The events of one contract and topic, pushed from the next block on. */
final class Pushes {
    private static final int SECONDS = 60; // for the next event
    private final LinkedBlockingQueue<Object> arrived = new LinkedBlockingQueue<>(); // Report.Event or Integer, a status

    static Pushes subscribe(Client client, String address, String topic) throws Exception {
        EventSubParams params = new EventSubParams();
        params.setFromBlock(client.getBlockNumber().getBlockNumber().add(BigInteger.ONE));
        params.setToBlock(BigInteger.valueOf(-1));
        params.addAddress(address);
        params.addTopic(0, topic);
        Pushes pushes = new Pushes();
        EventSubscribe subscriptions = EventSubscribe.build(client);
        subscriptions.start();
        subscriptions.subscribeEvent(params, (id, status, logs) -> pushes.receive(status, logs));
        return pushes;
    }

    private void receive(int status, List<EventLog> logs) {
        if (status != 0) {
            arrived.add(status);
            return;
        }
        if (logs == null) {
            return; // the subscription was accepted
        }
        for (EventLog log : logs) {
            Report.Event event = new Report.Event();
            event.transactionHash = log.getTransactionHash();
            event.blockNumber = log.getBlockNumberRaw();
            event.address = log.getAddress();
            event.topics = log.getTopics();
            event.data = log.getData();
            arrived.add(event);
        }
    }

    /** Waits for that many events; what came beyond them by then is given, too. */
    List<Report.Event> await(int count) throws Exception {
        List<Report.Event> events = new ArrayList<>();
        while (events.size() < count || !arrived.isEmpty()) {
            Object next = arrived.poll(SECONDS, TimeUnit.SECONDS);
            if (!(next instanceof Report.Event)) {
                throw new IllegalStateException("after " + events.size() + " events: " + (next == null ? "no more in time" : "status " + next));
            }
            events.add((Report.Event) next);
        }
        return events;
    }
}
