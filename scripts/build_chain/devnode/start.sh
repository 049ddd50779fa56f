#!/bin/sh
# Starts this node in the background; what it prints goes to nohup.out. Returns
# when its RPC port is open, or says why that did not happen. The other nodes of
# the chain need not be there.

dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
name=$(basename "$dir")
program=$dir/../fisco-bcos
pid_file=$dir/node.pid
lock=$dir/.starting
out=$dir/nohup.out
seconds=60 # until the port must be open

@RUNNING@

pause() { sleep 0.1 2>/dev/null || sleep 1; }

now() { date +%s; }

# Only one of several start scripts starts it; the others wait for that one.
deadline=$(($(now) + seconds))
until mkdir "$lock" 2>/dev/null; do
    if [ "$(now)" -ge $deadline ]; then
        echo "another start script seems to be at work; if none is, remove the folder $lock" >&2
        exit 1
    fi
    pause
done
trap 'rmdir "$lock"' EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM

if running; then
    echo "$name is running already (pid $pid)"
    exit 0
fi

cd "$dir" || exit 1
[ ! -f "$out" ] || mv -f "$out" "$out.1"
nohup "$program" -c config.ini -g config.genesis >"$out" 2>&1 </dev/null &
echo $! >"$pid_file"
started=$!

# ready is true when a line of the output begins with what devnode says last.
ready() {
    while IFS= read -r line; do
        case $line in 'devnode ready'*) return 0 ;; esac
    done <"$out"
    return 1
}

deadline=$(($(now) + seconds))
until ready; do
    if ! kill -0 $started 2>/dev/null; then
        echo "$name did not start; the end of $out:" >&2
        tail -n 10 "$out" >&2
        rm -f "$pid_file"
        exit 1
    fi
    if [ "$(now)" -ge $deadline ]; then
        echo "$name (pid $started) did not open its port within $seconds seconds; see $out" >&2
        exit 1
    fi
    pause
done
echo "$name is started (pid $started)"
