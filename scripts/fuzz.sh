#!/bin/sh
# Runs every fuzz target of the module, one after the other, for FUZZTIME each.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
for pkg in $("$go" list ./...); do
    for target in $("$go" test -list '^Fuzz' "$pkg"); do
        case $target in
        Fuzz*)
            echo "== $pkg $target"
            "$go" test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime 10x "$pkg"
            ;;
        esac
    done
done
