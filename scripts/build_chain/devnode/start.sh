#!/bin/sh
# Starts this node. In this version one process serves all nodes of the chain, so
# all of them are started.

dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
exec sh "$dir/../start_all.sh"
