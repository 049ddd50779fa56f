package batch

import (
	"bytes"
	"context"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"strings"

	"github.com/ethereum/go-ethereum/common"

	"github.com/bcosgate/bcosgate/chain"
	"github.com/bcosgate/bcosgate/contracts"
)

// The longest free texts of a spec. They are kept in indexes and shown in lists.
const (
	maxName = 200
	maxKey  = 200
)

// normalize fills in what the configuration decides, and checks all that can be
// checked without asking the chain. Specs are compared in this form. address is
// that of the account that signs.
func (e *Engine) normalize(spec Spec) (_ Spec, _ *target, address common.Address, _ error) {
	refuse := func(field, format string, args ...any) (Spec, *target, common.Address, error) {
		return Spec{}, nil, address, &SpecError{Field: field, Reason: fmt.Sprintf(format, args...)}
	}
	switch spec.Kind {
	case "":
		spec.Kind = KindBatch
	case KindBatch, KindTransaction, KindCall, KindPlan:
	default:
		return refuse("kind", "%q is not known; use %q, %q, %q or %q", spec.Kind, KindBatch, KindTransaction, KindCall, KindPlan)
	}
	if reason := readFault(spec); reason != nil {
		return Spec{}, nil, address, reason
	}
	if len(spec.Name) > maxName {
		return refuse("name", "is longer than %d bytes", maxName)
	}
	if len(spec.IdempotencyKey) > maxKey {
		return refuse("idempotencyKey", "is longer than %d bytes", maxKey)
	}
	if spec.Target == "" && len(e.targets) == 1 {
		spec.Target = e.targets[0].Info.Name
	}
	t := e.target(spec.Target)
	if t == nil {
		return refuse("target", "%q is not configured; there is %s", spec.Target, e.targetNames())
	}
	if spec.Signed != nil {
		if err := normalizeSigned(spec, t); err != nil {
			return Spec{}, nil, common.Address{}, err
		}
	} else if spec.Account == "" && spec.Kind != KindCall {
		spec.Account = t.DefaultAccount
	}
	signer, ok := t.Accounts[spec.Account]
	switch {
	case spec.Signed != nil:
		address = spec.Signed.Signer
	case spec.Account == "" && spec.Kind == KindCall: // nobody calls
	case spec.Account == "":
		return refuse("account", "target %q has no default account: name one of %s", spec.Target, names(t.Accounts))
	case !ok:
		return refuse("account", "%q is not configured for target %q; there is %s", spec.Account, spec.Target, names(t.Accounts))
	default:
		address = signer.Address()
	}
	if spec.Rate < 0 {
		return refuse("rate", "is negative; 0 is the target's limit")
	}
	if spec.InFlight < 0 {
		return refuse("inFlight", "is negative; 0 is the target's limit")
	}
	if spec.Event != "" {
		if _, err := contracts.EventTopic(spec.Event); err != nil {
			return refuse("event", "%v", err)
		}
	}
	if spec.Priority = spec.priority(); spec.Priority.rank() < 0 {
		return refuse("priority", "%q is not known; use %q, %q or %q", spec.Priority, PriorityLow, PriorityNormal, PriorityHigh)
	}
	cut, err := parseSharding(spec.ShardBy)
	if err != nil {
		return refuse("shardBy", "%v", err)
	}
	if reason := checkOrderedBy(spec); reason != "" {
		return refuse("orderedBy", "%s", reason)
	}
	if _, err := mostFailed(spec.MaxErrors, 0); err != nil {
		return refuse("maxErrors", "%v", err)
	}
	switch {
	case spec.Canary < 0:
		return refuse("canary", "is negative; 0 is none")
	case spec.Canary > 0 && cut.byLane():
		return refuse("canary", "is the first rows of the input, which are not together in shards by key or time: leave out one of canary and shardBy, or use shardBy range(ROWS)")
	}
	if spec.Deadline < 0 {
		return refuse("deadline", "is negative; 0 is none")
	}
	if spec.MaxWait < 0 {
		return refuse("maxWait", "is negative; 0 is %s", DefaultMaxWait)
	}
	if len(spec.ABI) > 0 {
		var compact bytes.Buffer
		if err := json.Compact(&compact, spec.ABI); err != nil {
			return refuse("abi", "is not JSON: %v", err)
		}
		spec.ABI = compact.Bytes()
		if string(spec.ABI) == "null" {
			spec.ABI = nil
		}
	}
	return spec, t, address, nil
}

// plan asks the chain what is needed and makes the record of a new job.
func (e *Engine) plan(ctx context.Context, spec Spec, t *target, signer common.Address) (record, error) {
	id, err := t.Chain.Identity(ctx)
	if err != nil {
		return record{}, fmt.Errorf("ask target %s which chain it is: %w", spec.Target, err)
	}
	r := record{genesis: id.Genesis, Job: Job{Spec: spec, Signer: signer, State: JobLoading}}
	if spec.Signed != nil {
		if err := checkSigned(ctx, spec.Signed, t, id); err != nil {
			return record{}, err
		}
	}
	if err := checkBlock(ctx, spec, t); err != nil {
		return record{}, err
	}
	if spec.Deploy {
		_, abi, err := deployment(spec)
		if err != nil {
			return record{}, err
		}
		r.registers = spec.Contract
		if abi != nil {
			r.abi = abi.JSON()
		}
		return r, nil
	}
	if spec.Bytecode != "" {
		return record{}, &SpecError{"bytecode", "belongs to a deployment only: set \"deploy\", or leave it out"}
	}
	address, abi, err := e.callee(ctx, spec, t, id.Genesis)
	if err != nil {
		return record{}, err
	}
	if _, err := callMethod(spec.Kind, abi, spec.Function); err != nil {
		return record{}, &SpecError{"function", err.Error()}
	}
	r.Address = address
	if abi != nil {
		r.abi = abi.JSON()
	}
	return r, nil
}

// deployment is the creation code and the ABI (may be nil) that a spec deploys.
func deployment(spec Spec) (code []byte, abi *contracts.ABI, err error) {
	if spec.Function != "" {
		return nil, nil, &SpecError{"function", "a deployment calls the constructor: leave it out"}
	}
	if spec.To != nil {
		return nil, nil, &SpecError{"to", "a deployment has no address yet: leave it out"}
	}
	if len(spec.ABI) > 0 {
		if abi, err = contracts.ParseABI(spec.ABI); err != nil {
			return nil, nil, &SpecError{"abi", err.Error()}
		}
	}
	if spec.Bytecode == "" {
		built, ok := contracts.Builtin(spec.Contract)
		if !ok {
			return nil, nil, &SpecError{"bytecode", fmt.Sprintf("is missing, and contract %q is not built in; built in are %s",
				spec.Contract, strings.Join(contracts.BuiltinNames(), ", "))}
		}
		if abi == nil {
			abi = built.ABI
		}
		return built.Bytecode, abi, nil
	}
	code, err = hex.DecodeString(strings.TrimPrefix(strings.TrimSpace(spec.Bytecode), "0x"))
	switch {
	case err != nil:
		return nil, nil, &SpecError{"bytecode", "is not hex: " + err.Error() + "; libraries must be linked before"}
	case len(code) == 0:
		return nil, nil, &SpecError{"bytecode", "is empty: is the contract abstract?"}
	}
	return code, abi, nil
}

// callee finds the address (nil when rows bring it) and the ABI (may be nil) of
// the contract that a spec calls.
func (e *Engine) callee(ctx context.Context, spec Spec, t *target, genesis common.Hash) (*common.Address, *contracts.ABI, error) {
	var abi *contracts.ABI
	var err error
	if len(spec.ABI) > 0 {
		if abi, err = contracts.ParseABI(spec.ABI); err != nil {
			return nil, nil, &SpecError{"abi", err.Error()}
		}
	}
	address, field := spec.To, "to"
	if spec.Contract != "" {
		built, isBuiltin := contracts.Builtin(spec.Contract)
		deployed, deployedOn, err := e.deployed(ctx, spec.Target, spec.Contract)
		isDeployed := err == nil
		if err != nil && !errors.Is(err, ErrNotDeployed) {
			return nil, nil, err
		}
		if address == nil {
			if !isDeployed {
				return nil, nil, &SpecError{"contract", fmt.Sprintf("%q was not deployed on target %q from here: deploy it first, or give its address as \"to\"", spec.Contract, spec.Target)}
			}
			if deployedOn != genesis {
				return nil, nil, &SpecError{"contract", fmt.Sprintf("%q was deployed at %s on a chain that has been rebuilt since (its block 0 was %s and is %s now): deploy it again",
					spec.Contract, deployed.Address, deployedOn, genesis)}
			}
			address, field = &deployed.Address, "contract"
		}
		if abi == nil && isDeployed && deployed.Address == *address {
			abi = deployed.ABI
		}
		if abi == nil && isBuiltin {
			abi = built.ABI
		}
	}
	if address == nil {
		return nil, abi, nil // every row has to bring its own
	}
	code, err := t.Chain.Code(ctx, *address)
	if err != nil {
		return nil, nil, fmt.Errorf("read the code at %s: %w", address, err)
	}
	if len(code) == 0 {
		return nil, nil, &SpecError{field, fmt.Sprintf("there is no contract at %s on target %q: is it the right chain, and was it rebuilt?", address, spec.Target)}
	}
	return address, abi, nil
}

// callMethod finds the function that rows of a job of a kind call.
func callMethod(kind JobKind, abi *contracts.ABI, fn string) (*contracts.Method, error) {
	if fn == "" {
		return nil, errors.New(`name the function to call, for example "save" or "save(bytes32,string)"`)
	}
	var m *contracts.Method
	var err error
	switch {
	case abi != nil:
		m, err = abi.Method(fn)
	case !strings.Contains(fn, "("):
		return nil, fmt.Errorf("%q needs an ABI: give \"abi\", or write the function with its types, for example \"save(bytes32,string)\"", fn)
	default:
		m, err = contracts.MethodFromSignature(fn)
	}
	if err != nil {
		return nil, err
	}
	if m.ReadOnly() && kind != KindCall {
		return nil, fmt.Errorf("%s only reads: nothing would be put on chain; use a call instead (batchcall call, POST /v1/calls, or a job of kind %q)", m.Signature(), KindCall)
	}
	return m, nil
}

// nonceRef is what the nonces of a job's items are derived from. With an
// idempotency key it does not depend on this store, so that the chain refuses
// what was already done, even when the store is lost.
func nonceRef(spec Spec, info chain.Target, id string) string {
	if spec.IdempotencyKey != "" {
		return fmt.Sprintf("key %q %q %q", info.ChainID, info.Group, spec.IdempotencyKey)
	}
	return "job " + id
}

// itemRef is what a nonce of an item is derived from: its next one, when so many are
// used up because transactions have reverted that were retried.
func itemRef(jobRef string, row int64, used int) string {
	return fmt.Sprintf("%s/%d/%d", jobRef, row, used)
}
