package result

import "github.com/bcosgate/bcosgate/chain/jsonrpc"

// Hex is bytes that stand as hex digits behind 0x. Nil is the empty text "", an
// empty slice that is not nil is "0x". Digits without 0x are read, too.
type Hex = jsonrpc.Hex
