package interop;

import java.util.List;

/** What is to be done; written by the test. */
final class Order {
    public String node; // host:port
    public String certs; // folder with ca.crt, sdk.crt, sdk.key
    public String accounts; // folder for the key of the account that is made
    public String group;
    public String code; // of the Evidence contract, hex
    public String abi;
    public int count; // transactions to send
    public List<String> hashes; // of transactions that other clients sent
    public String table; // name of the KV table to make; null: none
}
