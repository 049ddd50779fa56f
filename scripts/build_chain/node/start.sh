#!/bin/sh
# Starts this node in the background; what it prints goes to nohup.out.

dir=$(CDPATH= cd -- "$(dirname -- "$0")" && pwd -P) || exit 1
name=$(basename "$dir")
program=$dir/../fisco-bcos
pid_file=$dir/node.pid
out=$dir/nohup.out

# running sets pid when the process of the pid file is ours: a number alone may
# belong to another program by now.
running() {
    pid=$(cat "$pid_file" 2>/dev/null) || return 1
    case $pid in '' | *[!0-9]*) return 1 ;; esac
    if [ -r "/proc/$pid/cmdline" ]; then
        command_line=$(tr '\0' ' ' <"/proc/$pid/cmdline" 2>/dev/null)
    else
        command_line=$(ps -p "$pid" -o args= 2>/dev/null)
    fi
    case $command_line in "$program "*) return 0 ;; esac
    return 1
}

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
