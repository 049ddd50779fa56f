package interop;

import java.util.LinkedHashMap;
import java.util.Map;
import org.fisco.bcos.sdk.v3.client.Client;
import org.fisco.bcos.sdk.v3.contract.precompiled.crud.KVTableService;
import org.fisco.bcos.sdk.v3.model.RetCode;

/** A table of keys and values, made and used with the SDK's service for it. */
final class Table {
    private final KVTableService service;
    private final String name;

    Table(Client client, String name) {
        this.service = new KVTableService(client, client.getCryptoSuite().getCryptoKeyPair());
        this.name = name;
    }

    /** Makes the table, sets two values, changes one, and gives what stands there then. */
    Map<String, String> use() throws Exception {
        Map<String, String> seen = new LinkedHashMap<>();
        seen.put("create", code(service.createTable(name, "id", "item")));
        seen.put("createAgain", code(service.createTable(name, "id", "item")));
        seen.put("set", code(service.set(name, "first", "1")));
        seen.put("setOther", code(service.set(name, "second", "two")));
        seen.put("change", code(service.set(name, "first", "one")));
        seen.put("first", service.get(name, "first"));
        seen.put("second", service.get(name, "second"));
        service.desc(name).forEach((key, value) -> seen.put("desc " + key, value));
        return seen;
    }

    private static String code(RetCode code) {
        return String.valueOf(code.getCode());
    }
}
