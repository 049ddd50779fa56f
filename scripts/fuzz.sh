#!/bin/sh
# Runs every fuzz target of the module, one after the other, for FUZZTIME each.
# An input that fails is kept in testdata/fuzz of its package.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
tmp=$(mktemp -d)
trap 'rm -rf "$tmp"' EXIT
cache=$("$go" env GOCACHE)/fuzz
dirs=$("$go" list -f '{{.Dir}}' ./...)
echo "$dirs" | while read -r dir; do
    # The names are read from the sources, and a package is built once for all of its targets.
    targets=$(cat "$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p')
    [ -n "$targets" ] || continue
    "$go" test -c -fuzz . -o "$tmp/fuzz.test" "$dir"
    name=$("$go" list "$dir")
    for target in $targets; do
        echo "== $name $target"
        (cd "$dir" && "$tmp/fuzz.test" -test.run '^$' -test.fuzz "^$target\$" -test.fuzztime "${FUZZTIME:-20s}" \
            -test.fuzzminimizetime 10x -test.fuzzcachedir "$cache/$name" </dev/null)
    done
done
