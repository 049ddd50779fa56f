package proof

import (
	"bytes"
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What nodes take when the configuration does not say, or is not asked.
const (
	defaultEpochSealers = 4
	defaultEpochBlocks  = 1000
)

// setting is a line of config.genesis.
type setting struct{ section, name, value string }

// ParseGenesisConfig reads a node's config.genesis (protocol §11.4) and gives
// what nodes make of it in block 0: sealers in the order of their ids, the epoch
// numbers only of rpbft, and from data version 3.6 on a leader period of 1,
// whatever the file says. What cannot be read is CheckGenesisText.
func ParseGenesisConfig(config []byte) (Genesis, error) {
	settings := readSettings(string(config))
	g := Genesis{
		ChainID: "chain", GroupID: "group", ConsensusType: "pbft",
		BlockTxCountLimit: 1000, LeaderPeriod: 1, GasLimit: 3_000_000_000,
		SerialExecute: true, EpochSealerNum: defaultEpochSealers, EpochBlockNum: defaultEpochBlocks,
	}
	for _, set := range settings {
		if err := g.apply(set); err != nil {
			return Genesis{}, &Error{Check: CheckGenesisText, Msg: fmt.Sprintf("[%s] %s of the configuration", set.section, set.name), Got: strconv.Quote(set.value), Err: err}
		}
	}
	if g.Version < versionText {
		return Genesis{}, &Error{Check: CheckGenesisText, Msg: "[version] compatibility_version of the configuration is missing or below 3.1, whose genesis text has another form"}
	}
	switch {
	case g.Version < versionEpochs:
		g.EpochSealerNum, g.EpochBlockNum = 0, 0
	case g.ConsensusType != "rpbft":
		g.EpochSealerNum, g.EpochBlockNum = defaultEpochSealers, defaultEpochBlocks
	}
	if g.Version >= versionOneLeader {
		g.LeaderPeriod = 1
	}
	g.sortSealers()
	return g, nil
}

// apply takes over one setting; those that block 0 does not name are passed over.
func (g *Genesis) apply(set setting) error {
	switch {
	case set.section == "features":
		on, err := strconv.ParseBool(set.value)
		g.Features = append(g.Features, Feature{Name: set.name, Value: uint64(b2i(on))})
		return err
	case set.section == "consensus" && strings.HasPrefix(set.name, "node."):
		id, weight, ok := strings.Cut(set.value, ":")
		if !ok {
			weight = "1"
		}
		weight, _, _ = strings.Cut(weight, ":") // the term weight is not in the text
		return g.addSealer(strings.TrimSpace(id), strings.TrimSpace(weight))
	}
	value, ok := map[string]any{
		"chain.sm_crypto":                &g.Suite,
		"chain.chain_id":                 &g.ChainID,
		"chain.group_id":                 &g.GroupID,
		"consensus.consensus_type":       &g.ConsensusType,
		"consensus.block_tx_count_limit": &g.BlockTxCountLimit,
		"consensus.leader_period":        &g.LeaderPeriod,
		"consensus.epoch_sealer_num":     &g.EpochSealerNum,
		"consensus.epoch_block_num":      &g.EpochBlockNum,
		"version.compatibility_version":  (*dataVersion)(&g.Version),
		"tx.gas_limit":                   &g.GasLimit,
		"executor.is_wasm":               &g.WASM,
		"executor.is_auth_check":         &g.AuthCheck,
		"executor.auth_admin_account":    &g.AuthAdminAccount,
		"executor.is_serial_execute":     &g.SerialExecute,
	}[set.section+"."+set.name]
	if !ok {
		return nil
	}
	return line{value: value}.set(set.value)
}

func (g *Genesis) sortSealers() {
	order := make([]int, len(g.Sealers.NodeIDs))
	for i := range order {
		order[i] = i
	}
	slices.SortFunc(order, func(a, b int) int {
		return cmp.Or(bytes.Compare(g.Sealers.NodeIDs[a], g.Sealers.NodeIDs[b]), cmp.Compare(g.Sealers.Weights[a], g.Sealers.Weights[b]))
	})
	var sorted SealerSet
	for _, i := range order {
		sorted.NodeIDs = append(sorted.NodeIDs, g.Sealers.NodeIDs[i])
		sorted.Weights = append(sorted.Weights, g.Sealers.Weights[i])
	}
	g.Sealers = sorted
}

// readSettings reads sections and name=value lines; a line behind ; or # is a comment.
func readSettings(config string) []setting {
	var out []setting
	section := ""
	for text := range strings.Lines(config) {
		text = strings.TrimSpace(text)
		switch name, value, ok := strings.Cut(text, "="); {
		case strings.HasPrefix(text, ";"), strings.HasPrefix(text, "#"):
		case strings.HasPrefix(text, "[") && strings.HasSuffix(text, "]"):
			section = strings.TrimSpace(text[1 : len(text)-1])
		case ok:
			out = append(out, setting{section, strings.TrimSpace(name), strings.TrimSpace(value)})
		}
	}
	return out
}
