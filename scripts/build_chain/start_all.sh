#!/bin/sh
# Starts all nodes of this folder, each as a process of its own.

dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
scripts=
i=0
while [ -d "$dir/node$i" ]; do
    sh "$dir/node$i/start.sh" &
    scripts="$scripts $!"
    i=$((i + 1))
done
status=0
for pid in $scripts; do
    wait "$pid" || status=1
done
exit $status
