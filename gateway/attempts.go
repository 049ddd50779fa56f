package gateway

import (
	"math"
	"time"

	"github.com/bcosgate/bcosgate/chain"
)

// CallAttempt is one try of a call.
type CallAttempt struct {
	Node       string  `json:"node,omitempty" doc:"host:port; left out when none could be chosen" example:"127.0.0.1:20200"`
	Kind       string  `json:"kind,omitempty" doc:"Kind of the chain error; left out when the node answered" example:"timeout"`
	DurationMS float64 `json:"durationMs" doc:"Milliseconds that it took, waits included" example:"12.5"`
	Hedge      bool    `json:"hedge,omitempty" doc:"It was sent beside a slow one, not after a failed one"`
}

// attemptsOf lists what was tried for a call, in the order of the ends. Texts of
// errors are left out: they may hold what is inside of the gateway.
func attemptsOf(log *chain.CallLog) []CallAttempt {
	tried := log.Attempts()
	list := make([]CallAttempt, len(tried))
	for i, a := range tried {
		list[i] = CallAttempt{Node: a.Node, Kind: string(a.Kind), DurationMS: Millis(a.Duration), Hedge: a.Hedge}
	}
	return list
}

// Millis is a duration as the API writes it: in milliseconds, to the microsecond.
func Millis(d time.Duration) float64 { return math.Round(float64(d)/1e3) / 1e3 }
