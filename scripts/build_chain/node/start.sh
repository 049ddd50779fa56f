#!/bin/sh
# Starts this node in the background; what it prints goes to nohup.out.

dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
name=$(basename "$dir")
program=$dir/../fisco-bcos
pid_file=$dir/node.pid
out=$dir/nohup.out

@RUNNING@

if running; then
    echo "$name is running already (pid $pid)"
    exit 0
fi

cd "$dir" || exit 1
[ ! -f "$out" ] || mv -f "$out" "$out.1"
nohup "$program" -c config.ini -g config.genesis >"$out" 2>&1 </dev/null &
echo $! >"$pid_file"
# A wrong configuration or a port in use ends the process soon; it has no other way to say so.
sleep 1
if ! running; then
    rm -f "$pid_file"
    echo "$name did not start; the end of $out:" >&2
    tail -n 10 "$out" >&2
    exit 1
fi
echo "$name is started (pid $pid)"
