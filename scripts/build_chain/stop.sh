#!/bin/sh
# Stops this node and returns when it has ended.

dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
name=$(basename "$dir")
program=$dir/../fisco-bcos
pid_file=$dir/node.pid
seconds=30 # to end by itself

@RUNNING@

if ! running; then
    rm -f "$pid_file"
    echo "$name is not running"
    exit 0
fi

kill "$pid" 2>/dev/null
deadline=$(($(date +%s) + seconds))
while running; do
    if [ "$(date +%s)" -ge $deadline ]; then
        echo "$name (pid $pid) did not end within $seconds seconds; it is killed" >&2
        kill -9 "$pid" 2>/dev/null
        deadline=$(($(date +%s) + seconds))
    fi
    sleep 0.1 2>/dev/null || sleep 1
done
rm -f "$pid_file"
echo "$name is stopped"
