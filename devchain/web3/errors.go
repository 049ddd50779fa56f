package web3

import (
	"context"
	"errors"

	"github.com/bcosgate/bcosgate/devchain"
	"github.com/bcosgate/bcosgate/devchain/logfilter"
	"github.com/bcosgate/bcosgate/devchain/nodejson"
)

// Codes of this port (protocol §9.2).
const (
	codeInvalidRequest = -32600
	codeNoMethod       = -32601
	codeInvalidParams  = -32602
	codeInternal       = -32603
	codeFilter         = -32000
)

// fault is the error member of an answer, exactly as clients see it.
type fault struct {
	Code    int    `json:"code"`
	Data    any    `json:"data,omitempty"`
	Message string `json:"message"`
}

// Error lets a fault travel as an error.
func (f *fault) Error() string { return f.Message }

// dumped is an exception that a node did not expect.
func dumped(exception, what string) *fault {
	return &fault{Code: codeInternal, Message: devchain.Dump(exception, what)}
}

// faultOf turns any error into the error member of an answer.
func (s *Server) faultOf(ctx context.Context, method string, err error) *fault {
	var worded *fault
	var refused *devchain.Error
	var wrongType *nodejson.TypeError
	var query *nodejson.QueryError
	switch {
	case errors.As(err, &worded):
		return worded
	case errors.As(err, &refused):
		return &fault{Code: refused.Code, Message: refused.Message}
	case errors.As(err, &wrongType):
		return dumped(wrongType.Exception, wrongType.Text)
	case errors.As(err, &query) && query.BlockTag:
		return &fault{Code: codeInvalidParams, Message: query.Text}
	case errors.As(err, &query):
		return &fault{Code: codeFilter, Message: query.Text}
	case errors.Is(err, logfilter.ErrRange), errors.Is(err, logfilter.ErrBlock), errors.Is(err, logfilter.ErrNoFilter):
		return &fault{Code: codeFilter, Message: err.Error()}
	case errors.Is(err, devchain.ErrStopped):
		return &fault{Code: codeInternal, Message: "the node is stopping"}
	case ctx.Err() != nil:
		return &fault{Code: codeInternal, Message: "the request was given up"} // nobody reads it
	}
	s.log.Error("request failed", "method", method, "error", err)
	return &fault{Code: codeInternal, Message: err.Error()}
}
