#!/bin/sh
# Stops all nodes of this folder.

dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
status=0
i=0
while [ -d "$dir/node$i" ]; do
    sh "$dir/node$i/stop.sh" || status=1
    i=$((i + 1))
done
exit $status
