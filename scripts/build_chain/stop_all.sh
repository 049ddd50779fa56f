#!/bin/sh
# Stops all nodes of this folder, and returns when they have ended.

dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
scripts=
i=0
while [ -d "$dir/node$i" ]; do
    sh "$dir/node$i/stop.sh" &
    scripts="$scripts $!"
    i=$((i + 1))
done
status=0
for pid in $scripts; do
    wait "$pid" || status=1
done
exit $status
