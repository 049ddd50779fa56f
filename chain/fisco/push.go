package fisco

import (
	"encoding/json"

	"github.com/bcosgate/bcosgate/chain/fisco/result"
)

// push takes frames that answer no request. It runs on the reading goroutine and
// must not wait.
func (c *Client) push(f Frame) {
	switch f.Type {
	case FrameBlockNotify:
		var news result.BlockNotify
		if err := json.Unmarshal(f.Payload, &news); err != nil {
			c.log.Debug("block notification cannot be read", "error", err)
			return
		}
		if news.Group == c.group && news.BlockNumber >= 0 {
			c.noteHead(uint64(news.BlockNumber))
		}
	case FrameGroupNotify:
		var news result.GroupInfo
		if err := json.Unmarshal(f.Payload, &news); err != nil {
			c.log.Debug("group notification cannot be read", "error", err)
			return
		}
		if news.GroupID == c.group && news.ChainID == c.chainID {
			c.infoMu.Lock()
			c.info, c.unserved = news, c.unservedBy(&c.greeted, &news)
			c.infoMu.Unlock()
		}
	case FrameEventPush:
		c.pushEvents(f.Payload)
	case FrameAMOPRequest, FrameAMOPBroadcast:
		c.pushAMOP(f)
	}
}
