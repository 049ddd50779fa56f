package shield

import "slices"

// Poison names a kind of request that a node must never get.
type Poison string

// The poisons. Those of the first group were seen to do harm, those of the
// second do none that is known; Poisons says what and where.
const (
	PoisonSignature       Poison = "transaction signature"
	PoisonAddress         Poison = "address"
	PoisonTo              Poison = "transaction to"
	PoisonVersion         Poison = "transaction version"
	PoisonExecutorVersion Poison = "executor_version"
	PoisonCompatibility   Poison = "compatibility_version"
	PoisonAMOP            Poison = "AMOP message"
	PoisonFrame           Poison = "frame"
	PoisonShortFrame      Poison = "short frame"
	PoisonSize            Poison = "size"

	PoisonCallSignature Poison = "call signature"
	PoisonSetting       Poison = "system configuration"
	PoisonTransaction   Poison = "transaction bytes"
	PoisonWeb3          Poison = "Web3 transaction"
	PoisonQuantity      Poison = "transaction quantity"
	PoisonBlockLimit    Poison = "block limit"
	PoisonMethod        Poison = "method"
	PoisonParameter     Poison = "parameter"
	PoisonFilter        Poison = "filter"
	PoisonSubscription  Poison = "event subscription"
	PoisonTopics        Poison = "AMOP topics"
	PoisonFrameType     Poison = "frame type"
)

// Entry is what is known of a poison.
type Entry struct {
	Name   Poison
	What   string // the request
	Effect string // on a real node of 3.16.4; "" where it only answers with an error, or nobody has tried
	Source string // sections of the protocol reference, and the recording
}

var table = []Entry{
	{PoisonSignature, "a transaction whose signature is not r‖s‖v with v 0 or 1 (standard) or r‖s‖x‖y (GM)",
		"v above 3 ends the process, before anything is known of the sender", "§4.4, §5.7; rpc/poison.txt: v = 27 or 28"},
	{PoisonAddress, "getCode, getABI or call with an address of other than 20 bytes",
		"32 bytes end the process", "§3.5.1, §5.7; rpc/poison.txt: call to an address of 32 bytes, getCode of an address of 64 digits; rpc/lookup.txt"},
	{PoisonTo, "a transaction whose to is neither empty nor 40 hex digits, with or without 0x",
		"on what is not hex the block fails for ever, and nothing is committed any more", "§4.5, §5.7; rpc/poison.txt: transaction to \"0X6849…\", to \"not hex\""},
	{PoisonVersion, "a transaction of a version other than 0, 1 and 2",
		"version 3 makes the block fail for ever, and nothing is committed any more", "§4.5, §5.7; rpc/poison.txt: transaction version 3"},
	{PoisonExecutorVersion, "the system configuration executor_version set or proposed with a value other than 0 and 1",
		"accepted; the next transaction ends the process", "§5.7, §8.1, §8.3; rpc/poison.txt: system configuration executor_version 9"},
	{PoisonCompatibility, "the system configuration compatibility_version set or proposed with no version a.b.c up to 3.16.4",
		"accepted although the node cannot know that version, and there is no way back", "§5.7, §8.1, §8.3; rpc/poison.txt: compatibility_version 9.9.9"},
	{PoisonAMOP, "an AMOP request or broadcast whose payload is cut, or has no topic",
		"WebSocket service of the whole node stands", "§5.7, §7.4; ws/hang.txt: AMOP request with a payload of two bytes, whose topic length runs past the end"},
	{PoisonFrame, "a frame whose seq runs past its end",
		"the session is never answered again", "§2.1, §5.7; ws/hang.txt: a seqLen that runs past the end"},
	{PoisonShortFrame, "a frame of fewer than 10 bytes",
		"the session ends, with everything that waits in it", "§2.1; answers.md 10"},
	{PoisonSize, "a message of 32 MiB or more, or a part that makes one",
		"the connection ends, with everything that waits on it", "§2.5, §4.5; rpc/limits.txt: 16.1 MiB"},

	{PoisonCallSignature, "a signed call whose signature has another form than a transaction's",
		"", "§3.5.1: recovered like a transaction's; nobody has tried v above 3"},
	{PoisonSetting, "a system configuration set or proposed with arguments that two readers may read differently",
		"", "§8.1: it could hide executor_version"},
	{PoisonTransaction, "bytes that are no TARS transaction, or one that two readers may read differently",
		"", "§4.1, §4.2; rpc/send.txt: the transaction parameter malformed"},
	{PoisonWeb3, "a transaction with Web3 type or payload on the native port", "", "§4.2"},
	{PoisonQuantity, "value, gas price or fees that are not 0x and hex digits or exceed 514 characters, a negative gas limit",
		"", "§4.3, §4.5; tx/std.jsonl 31–35"},
	{PoisonBlockLimit, "a transaction with a negative block limit", "", "§4.5; tx/std.jsonl 74"},
	{PoisonMethod, "a JSON-RPC method that the protocol does not have", "", "§3.4"},
	{PoisonParameter, "a JSON-RPC request with parameters, or members, of another number or type than the method has", "", "§3.1, §3.4"},
	{PoisonFilter, "a log filter of another shape, with more than 4 topic positions or 1000 entries in a list", "", "§3.7; rpc/filters.txt"},
	{PoisonSubscription, "an event subscription of another shape, with more than 4 topic positions or 1000 entries in a list, or that can never end",
		"", "§7.1; ws/events.txt"},
	{PoisonTopics, "an AMOP subscription that is not an object with a list of topics", "", "§7.4; ws/hang.txt: whose topics member is a string"},
	{PoisonFrameType, "a frame of a type that clients do not send", "", "§2.2"},
}

// Poisons lists everything that is refused. The list is the caller's own.
func Poisons() []Entry { return slices.Clone(table) }

// Effect is what a real node does, "" where no harm is known.
func (p Poison) Effect() string {
	for _, e := range table {
		if e.Name == p {
			return e.Effect
		}
	}
	return ""
}
