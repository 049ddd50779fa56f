#!/bin/sh
# Makes the folders of a FISCO BCOS 3.x chain, in the layout and with the options
# of the official script: one folder for each node, with its configuration,
# certificates and keys, one for clients, and scripts that start and stop it all.
# Without -e the nodes are development nodes (cmd/devnode), built from this source tree.
#
# Needs a POSIX shell, coreutils and Go, and uses a C compiler where there is one.
# Nothing is downloaded.

set -euf
umask 022

script=scripts/build_chain.sh
root=$(CDPATH= cd -- "$(dirname -- "$0")/.." && pwd -P)
templates=$root/scripts/build_chain # configuration files, start and stop scripts

usage() {
    cat <<'END'
Usage: build_chain.sh -l IP:N[,IP:N...] [options]

Makes a chain of N nodes on each IP.

  -l IP:N[,IP:N...]  how many nodes on which IPv4 address (required)
  -p P2P,RPC         first ports (default 30300,20200): node i of an address listens on
                     P2P+i and RPC+i. A third port, as the 2.x script takes, is not used.
  -o DIR             output folder, which must not exist (default ./nodes)
  -e FILE            node program: a real fisco-bcos, or a devnode that is built already.
                     Default: devnode is built with Go from this source tree.
  -g GROUP           group id: letters, digits and _ (default group0)
  -I CHAIN           chain id: letters, digits and _ (default chain0)
  -v VERSION         compatibility version, for example v3.16.0 (the default)
  -a ADDRESS         auth mode: permissions are checked, and the account with this address
                     (0x and 40 hex digits) is the first governor. Default: no auth mode.
  -d DIR             folder of an existing CA, with ca.crt and ca.key, to issue the
                     certificates with. Default: a new CA is made.
  -s                 a GM chain: SM3 hashes, SM2 signatures and keys. The RPC port has standard
                     TLS; GM TLS (sm_ssl) comes later.
  -h                 this help

On a loopback address the nodes listen there, on others they listen on 0.0.0.0.

Examples:
  build_chain.sh -l 127.0.0.1:4
  build_chain.sh -l 127.0.0.1:1 -p 40300,30200 -o /tmp/chain -g group1 -I chain1
  build_chain.sh -l 192.168.0.1:2,192.168.0.2:2 -e ./fisco-bcos -v v3.16.4
END
}

say() { printf '%s\n' "$*"; }

fail() {
    printf '%s: %s\n' "$script" "$*" >&2
    exit 1
}

wrong() { fail "$* (see -h)"; }

# ---- options ----------------------------------------------------------------

layout= ports=30300,20200 output=nodes binary= group=group0 chain=chain0 version=v3.16.0 ca_from= gm=false auth=false admin=

refuse() {
    case $1 in
        w) fail "-w: WebAssembly is not supported" ;;
        C) fail "-C: only a new chain can be made here; for expand, modify or generate_cert use the official script" ;;
        V) fail "-V: only the Air edition is supported, which is the default" ;;
        6) fail "-6: IPv6 is not supported yet" ;;
        R) fail "-R: the way of execution cannot be chosen; the genesis file says is_serial_execute=true" ;;
        *) fail "-$1: this option of the official script is not supported" ;;
    esac
}

case ${1-} in --help) usage; exit 0 ;; esac
while getopts ':l:p:o:e:g:I:v:d:hsa:C:wR:k:c:n:N:u:HDEmi:M:t:L:z6T:G:V:y:r:' option; do
    case $option in
        l) layout=$OPTARG ;;
        p) ports=$OPTARG ;;
        o) output=$OPTARG ;;
        e) binary=$OPTARG ;;
        g) group=$OPTARG ;;
        I) chain=$OPTARG ;;
        v) version=$OPTARG ;;
        d) ca_from=$OPTARG ;;
        s) gm=true ;;
        a) auth=true admin=$OPTARG ;;
        h) usage; exit 0 ;;
        :) case $OPTARG in [lpoegIvda]) wrong "-$OPTARG needs a value" ;; *) refuse "$OPTARG" ;; esac ;;
        '?') [ "$OPTARG" != - ] || wrong "options have one letter here"
             wrong "unknown option -$OPTARG" ;;
        *) refuse "$option" ;;
    esac
done
shift $((OPTIND - 1))
[ $# -eq 0 ] || wrong "unexpected argument '$1'"

# is_number TEXT LOWEST HIGHEST: a decimal number without leading zeros.
is_number() {
    case $1 in '' | *[!0-9]* | 0?* | ???????*) return 1 ;; esac
    [ "$1" -ge "$2" ] && [ "$1" -le "$3" ]
}

is_ipv4() {
    case $1 in *[!0-9.]* | .* | *. | *..*) return 1 ;; esac
    old_ifs=$IFS
    IFS=.
    # shellcheck disable=SC2086 # cut at the dots
    set -- $1
    IFS=$old_ifs
    [ $# -eq 4 ] || return 1
    for part in "$@"; do
        is_number "$part" 0 255 || return 1
    done
}

is_id() { case $1 in '' | *[!0-9A-Za-z_]*) return 1 ;; esac; }

[ -n "$layout" ] || wrong "-l is required, for example -l 127.0.0.1:4"
is_id "$group" || wrong "-g '$group': a group id has letters, digits and _ only"
if [ "$auth" = true ]; then
    case ${admin#0x} in "$admin" | *[!0-9a-fA-F]*) admin= ;; esac
    [ ${#admin} -eq 42 ] || wrong "-a: an account is 0x and 40 hex digits"
fi
is_id "$chain" || wrong "-I '$chain': a chain id has letters, digits and _ only"

version=${version#v}
case $version in *.*.*.* | *[!0-9.]*) version_ok=no ;; 3.?*.?*) version_ok=yes ;; *) version_ok=no ;; esac
if [ $version_ok = yes ]; then
    rest=${version#3.}
    is_number "${rest%%.*}" 0 999 && is_number "${rest#*.}" 0 999 || version_ok=no
fi
[ $version_ok = yes ] || wrong "-v 'v$version': a version looks like v3.16.0"

case $ports in *,*) ;; *) wrong "-p '$ports': give the first p2p and the first RPC port, for example 30300,20200" ;; esac
p2p_start=${ports%%,*}
rpc_start=${ports#*,}
case $rpc_start in
    *,*)
        third=${rpc_start#*,}
        rpc_start=${rpc_start%%,*}
        is_number "$third" 1 65535 || wrong "-p '$ports': '$third' is no port number"
        say "note: the third port of -p, $third, is not used: RPC over HTTP and WebSocket share the second one"
        ;;
esac
is_number "$p2p_start" 1 65535 || wrong "-p '$ports': '$p2p_start' is no port number"
is_number "$rpc_start" 1 65535 || wrong "-p '$ports': '$rpc_start' is no port number"

case $layout in *[[:space:]]*) wrong "-l '$layout': entries are separated by commas, without spaces" ;; esac
case $layout in ,* | *, | *,,*) wrong "-l '$layout': an entry is empty" ;; esac
hosts=$(printf '%s' "$layout" | tr ',' ' ')
seen=' '
host_count=0
for host in $hosts; do
    ip=${host%%:*}
    count=${host#*:}
    case $host in *:*) ;; *) wrong "-l '$host': give an address and a number of nodes, for example 127.0.0.1:4" ;; esac
    is_ipv4 "$ip" || wrong "-l '$host': '$ip' is no IPv4 address"
    is_number "$count" 1 1000 || wrong "-l '$host': '$count' is no number of nodes from 1 to 1000"
    case $seen in *" $ip "*) wrong "-l '$layout': $ip is named twice" ;; esac
    seen="$seen$ip "
    host_count=$((host_count + 1))
    last=$((count - 1))
    for start in "$p2p_start" "$rpc_start"; do
        [ $((start + last)) -le 65535 ] || wrong "-p '$ports': $count nodes from port $start on need ports above 65535"
    done
    gap=$((p2p_start - rpc_start))
    [ "${gap#-}" -ge "$count" ] || wrong "-p '$ports': with $count nodes the p2p and the RPC ports overlap"
done

# ---- inputs -----------------------------------------------------------------

[ -n "$output" ] || wrong "-o needs a folder"
while :; do case $output in ?*/) output=${output%/} ;; *) break ;; esac; done
if [ -e "$output" ] || [ -L "$output" ]; then
    fail "the output folder $output exists already: nothing was changed. Remove it, or choose another with -o"
fi

if [ -n "$binary" ]; then
    [ -f "$binary" ] || fail "-e '$binary': there is no such file"
    [ -x "$binary" ] || fail "-e '$binary': the file is not executable (chmod +x)"
    case $binary in /*) ;; *) binary=$PWD/$binary ;; esac
fi
if [ -n "$ca_from" ]; then
    for file in ca.crt ca.key; do
        [ -f "$ca_from/$file" ] || fail "-d '$ca_from': there is no $file in this folder"
    done
fi

# What the node program is: a devnode says when its port is open.
kind=devnode
if [ -n "$binary" ]; then
    case $("$binary" --version 2>/dev/null </dev/null || :) in *devnode*) ;; *) kind=node ;; esac
fi
if [ $kind = devnode ]; then
    rest=${version#3.}
    [ "${rest%%.*}" -ge 16 ] || fail "-v 'v$version': development nodes behave as 3.16.0 and later; older versions need a real fisco-bcos with -e"
fi

# ---- work folder ------------------------------------------------------------
# Everything is made beside the output folder and renamed at the end, so that
# what has the name is complete, whenever this script is interrupted.

parent=$(dirname -- "$output")
made_parent=
if [ ! -d "$parent" ]; then
    mkdir -p -- "$parent" || fail "-o '$output': the folder $parent cannot be made"
    made_parent=$parent
fi
work=$parent/.build_chain.$$

clean_up() {
    rm -rf -- "$work"
    [ -z "$made_parent" ] || rmdir -- "$made_parent" 2>/dev/null || :
}
trap clean_up EXIT
trap 'exit 129' HUP
trap 'exit 130' INT
trap 'exit 143' TERM
mkdir -- "$work" || fail "-o '$output': the folder $parent cannot be written to"
work=$(CDPATH= cd -- "$work" && pwd -P)

# ---- programs ---------------------------------------------------------------

tool=$work/.devnode # makes the certificates; also the node program unless -e names one
if [ $kind = devnode ] && [ -n "$binary" ]; then
    cp -- "$binary" "$tool"
else
    go=${GO:-go}
    command -v "$go" >/dev/null 2>&1 || fail "Go was not found, and devnode has to be built (it also makes the certificates): install Go, or name a built devnode with -e"
    say "Building devnode ..."
    # With a C compiler signatures are checked three times as fast. CGO_ENABLED
    # decides when it is set: 0 makes a program that needs no C library.
    build() { (cd "$root" && CGO_ENABLED=$1 "$go" build -trimpath -ldflags '-s -w' -o "$tool" ./cmd/devnode); }
    built=no
    if [ "${CGO_ENABLED-1}" != 0 ] && command -v "${CC:-cc}" >/dev/null 2>&1 && build 1 2>/dev/null; then built=yes; fi
    [ $built = yes ] || build 0 || fail "devnode could not be built; the messages above say why"
fi
program=$tool
[ $kind = devnode ] || program=$binary

# ---- certificates and keys --------------------------------------------------

chain_dir=$work/chain
mkdir "$chain_dir"

say "Making certificates and keys ..."
if [ -n "$ca_from" ]; then
    mkdir "$chain_dir/ca"
    for file in ca.crt ca.key ca.srl cert.cnf; do
        [ ! -f "$ca_from/$file" ] || cp -- "$ca_from/$file" "$chain_dir/ca/$file"
    done
    chmod 600 "$chain_dir/ca/ca.key"
else
    "$tool" cert ca --out "$chain_dir/ca" || fail "the CA could not be made"
fi
# Nodes from 3.3.0 on want an administrator in the genesis file, also without auth mode.
[ -n "$admin" ] || admin=$("$tool" cert account --sm=$gm --out "$chain_dir/ca/accounts") || fail "the administrator's account could not be made"

issue() { "$tool" cert issue --ca "$chain_dir/ca" --name "$1" --out "$2" || fail "a certificate could not be issued"; }

sealers=$work/sealers
: >"$sealers"
addresses=
total=0
for host in $hosts; do
    ip=${host%%:*}
    count=${host#*:}
    issue sdk "$chain_dir/$ip/sdk"
    i=0
    while [ $i -lt "$count" ]; do
        conf=$chain_dir/$ip/node$i/conf
        issue ssl "$conf"
        id=$("$tool" cert node-key --sm=$gm --out "$conf") || fail "a node's key could not be made"
        say "    node.$total=$id: 1" >>"$sealers"
        addresses="$addresses,\"$ip:$((p2p_start + i))\""
        i=$((i + 1))
        total=$((total + 1))
    done
done

# ---- configuration files and scripts ----------------------------------------

# fill NAME=VALUE...: copies standard input, with each @NAME@ replaced by its VALUE.
fill() {
    while IFS= read -r line; do
        for setting in "$@"; do
            mark=@${setting%%=*}@
            case $line in *"$mark"*) line=${line%%"$mark"*}${setting#*=}${line#*"$mark"} ;; esac
        done
        say "$line"
    done
}

fill SM_CRYPTO="$gm" GROUP="$group" CHAIN="$chain" VERSION="$version" AUTH="$auth" ADMIN="$admin" SEALERS="$(cat "$sealers")" \
    <"$templates/config.genesis" >"$work/config.genesis"

running=$(cat "$templates/running.sh") # how a script finds the process of its node
for host in $hosts; do
    ip=${host%%:*}
    count=${host#*:}
    case $ip in 127.*) listen=$ip ;; *) listen=0.0.0.0 ;; esac
    host_dir=$chain_dir/$ip
    cp -- "$program" "$host_dir/fisco-bcos"
    chmod 755 "$host_dir/fisco-bcos"
    cp -Rp -- "$chain_dir/ca" "$host_dir/ca"
    cp -- "$templates/start_all.sh" "$templates/stop_all.sh" "$host_dir"
    chmod 755 "$host_dir/start_all.sh" "$host_dir/stop_all.sh"
    i=0
    while [ $i -lt "$count" ]; do
        node_dir=$host_dir/node$i
        cp -- "$work/config.genesis" "$node_dir/config.genesis"
        fill LISTEN_IP="$listen" P2P_PORT=$((p2p_start + i)) RPC_PORT=$((rpc_start + i)) \
            WEB3_PORT=$((8545 + i)) <"$templates/config.ini" >"$node_dir/config.ini"
        say "{\"nodes\":[${addresses#,}]}" >"$node_dir/nodes.json"
        fill RUNNING="$running" <"$templates/$kind/start.sh" >"$node_dir/start.sh"
        fill RUNNING="$running" <"$templates/stop.sh" >"$node_dir/stop.sh"
        chmod 755 "$node_dir/start.sh" "$node_dir/stop.sh"
        i=$((i + 1))
    done
done

# ---- done -------------------------------------------------------------------

if [ -e "$output" ] || [ -L "$output" ]; then
    fail "the output folder $output appeared while this script ran: it was not changed"
fi
mv -- "$chain_dir" "$output"
made_parent=

say "A chain of $total node(s) is in $output: chain $chain, group $group, compatibility version $version"
for host in $hosts; do
    ip=${host%%:*}
    count=${host#*:}
    i=0
    while [ $i -lt "$count" ]; do
        say "  $output/$ip/node$i  RPC $ip:$((rpc_start + i))  p2p $ip:$((p2p_start + i))"
        i=$((i + 1))
    done
    say "  $output/$ip/sdk    for clients: ca.crt, sdk.crt, sdk.key"
done
if [ $gm = true ]; then
    say "  It is a GM chain (SM2, SM3): accounts need SM2 keys. Its RPC ports have standard TLS; GM TLS comes later."
fi
say "  $output/ca is the chain's CA: keep ca.key secret"
say
say "Next:"
for host in $hosts; do
    ip=${host%%:*}
    [ $host_count -eq 1 ] || say "  (on $ip)"
    say "  sh $output/$ip/start_all.sh"
done
sdk=$output/${hosts%%:*}/sdk
say "  curl --cacert $sdk/ca.crt --cert $sdk/sdk.crt --key $sdk/sdk.key --insecure \\"
say "    -d '{\"jsonrpc\":\"2.0\",\"id\":1,\"method\":\"getBlockNumber\",\"params\":[\"$group\",\"\"]}' https://${hosts%%:*}:$rpc_start"
