package result

import (
	"fmt"

	"github.com/bcosgate/bcosgate/chain/jsonrpc"
)

// GroupList is the answer of getGroupList.
type GroupList struct {
	Code      int      `json:"code"` // 0 is success
	Msg       string   `json:"msg"`
	GroupList []string `json:"groupList"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (l *GroupList) Members(o *jsonrpc.Object) {
	o.Int("code", &l.Code)
	o.Strings("groupList", &l.GroupList)
	o.String("msg", &l.Msg)
}

// UnmarshalJSON reads the answer.
func (l *GroupList) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, l) }

// MarshalJSON writes the answer as it was read.
func (l GroupList) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&l) }

// GroupInfo is what a node says about one of its groups (protocol §3.6): the answer
// of getGroupInfo, an element of that of getGroupInfoList and of the handshake, and
// the news of a changed group.
type GroupInfo struct {
	ChainID       string      `json:"chainID"`
	GroupID       string      `json:"groupID"`
	GenesisConfig string      `json:"genesisConfig"` // JSON, see Genesis
	IniConfig     string      `json:"iniConfig"`     // usually empty; see GroupNode.IniConfig
	NodeList      []GroupNode `json:"nodeList"`
	jsonrpc.Form
}

// Genesis reads GenesisConfig.
func (g *GroupInfo) Genesis() (GenesisConfig, error) {
	var c GenesisConfig
	if err := jsonrpc.Unmarshal([]byte(g.GenesisConfig), &c); err != nil {
		return GenesisConfig{}, fmt.Errorf("genesisConfig of group %s: %w", g.GroupID, err)
	}
	return c, nil
}

// Members lists the members for package jsonrpc.
func (g *GroupInfo) Members(o *jsonrpc.Object) {
	o.String("chainID", &g.ChainID)
	o.String("genesisConfig", &g.GenesisConfig)
	o.String("groupID", &g.GroupID)
	o.String("iniConfig", &g.IniConfig)
	jsonrpc.List(o, "nodeList", &g.NodeList)
}

// UnmarshalJSON reads the group.
func (g *GroupInfo) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, g) }

// MarshalJSON writes the group as it was read.
func (g GroupInfo) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&g) }

// GroupNode is a node of a group: an element of GroupInfo, and the answer of
// getGroupNodeInfo.
type GroupNode struct {
	Name           string        `json:"name"`
	NodeID         string        `json:"nodeID"` // 128 hex digits without 0x
	Type           int           `json:"type"`   // 0 standard, 1 GM, as suite.Suite
	MicroService   bool          `json:"microService"`
	IniConfig      string        `json:"iniConfig"` // JSON, see Ini
	ServiceInfo    []Service     `json:"serviceInfo"`
	FeatureKeys    []string      `json:"featureKeys"` // from 3.6 on, as the next
	SupportConfigs []string      `json:"supportConfigs"`
	Protocol       GroupProtocol `json:"protocol"`
	jsonrpc.Form
}

// Ini reads IniConfig.
func (n *GroupNode) Ini() (NodeConfig, error) {
	var c NodeConfig
	if err := jsonrpc.Unmarshal([]byte(n.IniConfig), &c); err != nil {
		return NodeConfig{}, fmt.Errorf("iniConfig of node %s: %w", n.Name, err)
	}
	return c, nil
}

// Members lists the members for package jsonrpc.
func (n *GroupNode) Members(o *jsonrpc.Object) {
	o.Strings("featureKeys", &n.FeatureKeys)
	o.String("iniConfig", &n.IniConfig)
	o.Bool("microService", &n.MicroService)
	o.String("name", &n.Name)
	o.String("nodeID", &n.NodeID)
	jsonrpc.Nested(o, "protocol", &n.Protocol)
	jsonrpc.List(o, "serviceInfo", &n.ServiceInfo)
	o.Strings("supportConfigs", &n.SupportConfigs)
	o.Int("type", &n.Type)
}

// UnmarshalJSON reads the node.
func (n *GroupNode) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, n) }

// MarshalJSON writes the node as it was read.
func (n GroupNode) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&n) }

// Service is a part of a node, by its type: 0 native, 1 executor, 2 ledger,
// 3 scheduler, 4 front, 5 consensus, 6 gateway, 7 RPC, 8 transaction pool.
type Service struct {
	Type        int    `json:"type"`
	ServiceName string `json:"serviceName"`
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (s *Service) Members(o *jsonrpc.Object) {
	o.String("serviceName", &s.ServiceName)
	o.Int("type", &s.Type)
}

// UnmarshalJSON reads the service.
func (s *Service) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, s) }

// MarshalJSON writes the service as it was read.
func (s Service) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&s) }

// GroupProtocol is the versions that a node speaks.
type GroupProtocol struct {
	CompatibilityVersion uint32 `json:"compatibilityVersion"` // data version, 0xMMmmpp00
	MinSupportedVersion  int    `json:"minSupportedVersion"`
	MaxSupportedVersion  int    `json:"maxSupportedVersion"`
	MinVersion           int    `json:"minVersion"` // in 3.0 instead of MinSupportedVersion
	MaxVersion           int    `json:"maxVersion"` // in 3.0 instead of MaxSupportedVersion
	jsonrpc.Form
}

// Members lists the members for package jsonrpc.
func (p *GroupProtocol) Members(o *jsonrpc.Object) {
	o.Uint32("compatibilityVersion", &p.CompatibilityVersion)
	o.Int("maxSupportedVersion", &p.MaxSupportedVersion)
	o.Int("maxVersion", &p.MaxVersion)
	o.Int("minSupportedVersion", &p.MinSupportedVersion)
	o.Int("minVersion", &p.MinVersion)
}

// UnmarshalJSON reads the versions.
func (p *GroupProtocol) UnmarshalJSON(data []byte) error { return jsonrpc.Unmarshal(data, p) }

// MarshalJSON writes the versions as it was read.
func (p GroupProtocol) MarshalJSON() ([]byte, error) { return jsonrpc.Marshal(&p) }
