package gateway

import (
	"strings"

	"github.com/danielgtaylor/huma/v2"

	"github.com/bcosgate/bcosgate/batch"
	"github.com/bcosgate/bcosgate/batch/reconcile"
)

// words describes the members of types that belong to packages which know
// nothing about documents. A test holds that no member of any schema is bare.
func words() map[string]string {
	return map[string]string{
		"Job.id":          "ID of the job",
		"Job.spec":        "What was asked for; it does not change",
		"Job.state":       "Where the job stands",
		"Job.reason":      "Why the job is invalid, is paused by a rule or cannot go on",
		"Job.stoppedBy":   "The rule that paused the job; left out when the user did",
		"Job.address":     "The contract that rows without _to call",
		"Job.signer":      "Address of the account that signs",
		"Job.rows":        "How many rows are stored",
		"Job.counts":      "How many items are in each state",
		"Job.columns":     "Header of the input, in its order",
		"Job.inputSha256": "SHA-256 over the bytes of the input, 64 hex digits",
		"Job.faults":      "The first 100 faults of the rows",
		"Job.faultCount":  "How many faults the rows have",
		"Job.block":       "Of reads: the newest block when the job began, or the one that was asked for",
		"Job.firstBlock":  "Of reads: the lowest block that a row was read at",
		"Job.lastBlock":   "Of reads: the highest block that a row was read at; the same as firstBlock when all rows are of one state of the chain",
		"Job.created":     "When the job was made",
		"Job.started":     "When the first row was sent",
		"Job.retries":     "How often rows were put back to be sent again",
		"Job.retried":     "When that was last",
		"Job.finished":    "When the last item became final",

		"Spec.kind":           "batch has many rows, transaction has one; call reads, plan simulates what a batch would send; both send nothing",
		"Spec.block":          "Of reads: every row is read at exactly this block",
		"Spec.sameBlock":      "Of reads: every row is read at the block at which the job began",
		"Spec.name":           "Free text for people",
		"Spec.idempotencyKey": "The same key gives the same job",
		"Spec.target":         "Name of the target",
		"Spec.account":        "Name of the account",
		"Spec.contract":       "Name of the contract",
		"Spec.to":             "Address of the contract, where it was given",
		"Spec.function":       "Name or signature of the function",
		"Spec.abi":            "ABI of the contract, where it was given",
		"Spec.deploy":         "The transaction deploys a contract",
		"Spec.bytecode":       "Creation code in hex, where it was given",
		"Spec.event":          "The event that the contract must emit in every confirmed row",
		"Spec.rate":           "Most transactions a second; 0 is the limit of the target",
		"Spec.inFlight":       "Most transactions in flight; 0 is the limit of the target",
		"Spec.priority":       "Which jobs of the target go first",
		"Spec.shardBy":        "How the rows were cut into shards, each of which one gateway carries at a time; left out: range(250)",
		"Spec.deadline":       "Rows that were not sent so long after the start of the job expire; left out: none",
		"Spec.maxWait":        "Rows that were not sent expire when nothing of the job can be sent for so long; left out: 30m",
		"Spec.maxErrors":      "How many rows may fail, as a number or as a share of all rows",
		"Spec.canary":         "This many rows are sent and settled before all others",
		"Spec.orderedBy":      "Rows with the same value there are sent one after the other",
		"Spec.signed":         "The rows are transactions that were signed elsewhere; left out where the gateway signs",

		"SignedSpec.plan":       "Names what was planned and signed, as the first line of the file does",
		"SignedSpec.signer":     "Address of the account that has signed every row",
		"SignedSpec.genesis":    "Hash of block 0 of the chain that they are for",
		"SignedSpec.blockLimit": "The last block that may have one of them",

		"BlockBudget.head":       "The newest block that is known",
		"BlockBudget.blockLimit": "The last block that may have one of the transactions",
		"BlockBudget.left":       "Blocks until then; 0 once none may land any more",
		"BlockBudget.needed":     "Blocks that all that is left needs at the pace of this run; left out while that is not known",

		"Counts.queued":    "Nothing signed, or not read, yet",
		"Counts.submitted": "An attempt is stored and may have been sent",
		"Counts.unknown":   "Sent perhaps; the outcome is being looked up",
		"Counts.confirmed": "Executed, or read, with success",
		"Counts.reverted":  "Executed, or read, and the contract refused",
		"Counts.rejected":  "Never included: the chain or a rule refuses it for good",
		"Counts.expired":   "Never sent: it has waited too long",
		"Counts.canceled":  "Never sent",

		"RowFault.row":    "Data rows are counted from 1; 0 is the header or the whole input",
		"RowFault.line":   "Line of the input, from 1",
		"RowFault.column": "Name of the argument or column",
		"RowFault.reason": "What is wrong",

		"Attempt.number":     "From 1, through all generations",
		"Attempt.generation": "How often the row had been retried",
		"Attempt.txHash":     "Hash of the transaction",
		"Attempt.blockLimit": "Last block that may include it",
		"Attempt.created":    "When it was signed",
		"Attempt.outcome":    "What the last answer was",

		"Reconciliation.jobId":        "ID of the job",
		"Reconciliation.state":        "agrees: nothing differs; differs: something does; incomplete: it broke off, and what was compared until then agrees",
		"Reconciliation.error":        "Why it broke off",
		"Reconciliation.errorKind":    "Kind of the chain error, when it was one",
		"Reconciliation.nodes":        "How many nodes are asked for each transaction and block",
		"Reconciliation.rows":         "Rows of the job",
		"Reconciliation.checked":      "Rows that were compared",
		"Reconciliation.open":         "Rows that may still change, which were not compared",
		"Reconciliation.fromBlock":    "First block that is searched for unknown transactions; 0: none is",
		"Reconciliation.toBlock":      "Last block that is searched",
		"Reconciliation.scanned":      "How many of these blocks were searched",
		"Reconciliation.transactions": "Transactions in the blocks that were searched",
		"Reconciliation.nameless":     "Unknown transactions whose sender no node tells",
		"Reconciliation.mismatches":   "How many differences were found",
		"Reconciliation.kinds":        "How many of each kind",
		"Reconciliation.listed":       "The first of them",
		"Reconciliation.started":      "When it began",
		"Reconciliation.finished":     "When it ended",

		"Mismatch.kind":   "In which way store and chain, or nodes, differ",
		"Mismatch.row":    "Number of the row; left out when it belongs to none",
		"Mismatch.id":     "The row's own _id",
		"Mismatch.trace":  "Job and row, as in logs",
		"Mismatch.txHash": "Hash of the transaction; left out when it is about a block or the job",
		"Mismatch.block":  "The block, as the store says, else as the nodes do",
		"Mismatch.field":  "What differs",
		"Mismatch.stored": "What the store says",
		"Mismatch.nodes":  "What each node says",

		"Said.node": "host:port of the node",
		"Said.says": "What it says",

		"Plan.oneBlock":   "All rows were simulated at the same block, firstBlock of the job",
		"Plan.errors":     "Why rows would fail, the most frequent first",
		"Plan.duplicates": "Rows that make the same call",
		"Plan.earlier":    "Jobs that have sent, or are sending, the same input to the same contract and function",
		"Plan.gas":        "Gas to expect",
		"Plan.time":       "Time to expect",

		"Duplicates.calls":  "Calls that more than one row makes: the same data to the same contract",
		"Duplicates.rows":   "Rows beyond the first one of each",
		"Duplicates.listed": "The first 20 of the calls",

		"Repeat.first": "The first row of the call",
		"Repeat.last":  "The last one",
		"Repeat.rows":  "How many rows make it",

		"Earlier.jobId":     "ID of the job",
		"Earlier.state":     "Where it stands",
		"Earlier.name":      "Its name",
		"Earlier.created":   "When it was made",
		"Earlier.confirmed": "How many of its rows are confirmed",

		"GasEstimate.perRow": "Left out when nothing is known",
		"GasEstimate.min":    "Least of any row that the estimate is based on",
		"GasEstimate.max":    "Most of any of them",
		"GasEstimate.total":  "Of all rows that would succeed",
		"GasEstimate.basis":  "What the estimate is based on",

		"TimeEstimate.rate":    "Rows a second; left out when nothing is known",
		"TimeEstimate.seconds": "From the start to the end",
		"TimeEstimate.basis":   "What the estimate is based on",

		"Cause.kind":  "Kind of the chain error, reverted or canceled",
		"Cause.count": "How many rows",
		"Cause.row":   "The first of them",
		"Cause.text":  "Its error, in words",

		"Value.name":   "Name of the output; may be empty",
		"Value.type":   "ABI type",
		"Value.value":  "The value: integers as decimal strings, bytes as hex, addresses with checksum",
		"Value.hashed": "Only the hash of the value is known",
	}
}

// wordsOfItem are those of Item, which Transaction has too.
func wordsOfItem() map[string]string {
	return map[string]string{
		"row":        "Number of the row, from 1, in the order of the input",
		"id":         "The row's own _id",
		"after":      "The row that its _after names; left out without one",
		"state":      "Where the item stands",
		"error":      "Why it is not confirmed",
		"errorKind":  "Kind of the chain error, reverted, dependency (the row that _after names did not succeed), or the rule by which it expired: deadline, maxWait, blockLimit",
		"to":         "The contract that is called",
		"txHash":     "Hash of the attempt that landed, else of the last one",
		"block":      "The block that has it; of a read: the one that it was read at",
		"status":     "Status of the receipt, or of the call: 0 is success; left out without one",
		"statusName": "The chain's own name of the status",
		"gasUsed":    "Gas that it took",
		"output":     "Returned bytes or revert data",
		"outputs":    "Of a read: the returned values, where the ABI is known; integers are decimal strings",
		"contract":   "What a deployment made",
		"attempts":   "How often it was signed; all attempts have one nonce, until it reverts and is retried. Of a read: how often the chain was asked",
		"latencyMs":  "Milliseconds from the first send to the outcome",
		"input":      "The row as it came",
		"trace":      "Job and row: the name of the item in logs",
		"history":    "Every attempt, where it was asked for",
		"generation": "How often the row was retried",
		"earlier":    "How the row had ended before each retry, where the history was asked for",
	}
}

// describe puts the words and the closed lists of states into the schemas.
func describe(schemas map[string]*huma.Schema) {
	put := func(schema, member, text string) {
		s := schemas[schema]
		if s == nil {
			return
		}
		if p := s.Properties[member]; p != nil && p.Description == "" {
			p.Description = text
		}
	}
	for name, text := range words() {
		schema, member, _ := strings.Cut(name, ".")
		put(schema, member, text)
	}
	for member, text := range wordsOfItem() {
		put("Item", member, text)
		put("Transaction", member, text)
	}
	var states []any
	for _, s := range batch.ItemStates {
		states = append(states, string(s))
	}
	enum := func(schema, member string, values ...any) {
		if s := schemas[schema]; s != nil && s.Properties[member] != nil {
			s.Properties[member].Enum = values
		}
	}
	enum("Item", "state", states...)
	enum("Transaction", "state", states...)
	var jobStates []any
	for _, s := range batch.JobStates {
		jobStates = append(jobStates, string(s))
	}
	enum("Job", "state", jobStates...)
	enum("Job", "stoppedBy", string(batch.StopMaxErrors), string(batch.StopCanary), string(batch.StopRetry))
	enum("Reconciliation", "state", string(reconcile.Queued), string(reconcile.Running), string(reconcile.Agrees), string(reconcile.Differs), string(reconcile.Incomplete))
	kinds := make([]any, len(reconcile.Kinds))
	for i, k := range reconcile.Kinds {
		kinds[i] = string(k)
	}
	enum("Mismatch", "kind", kinds...)
	enum("Spec", "priority", string(batch.PriorityLow), string(batch.PriorityNormal), string(batch.PriorityHigh))
	enum("Spec", "kind", string(batch.KindBatch), string(batch.KindTransaction), string(batch.KindCall), string(batch.KindPlan))
}
