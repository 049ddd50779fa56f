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
