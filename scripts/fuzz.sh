#!/bin/sh
# Runs every fuzz target of the module, one after the other, for FUZZTIME each.
set -eu
cd "$(dirname "$0")/.."
go=${GO:-go}
# The names are read from the sources: asking go test for them would build every package.
dirs=$("$go" list -f '{{.Dir}}' ./...)
echo "$dirs" | while read -r dir; do
    for target in $(cat "$dir"/*_test.go 2>/dev/null | sed -n 's/^func \(Fuzz[A-Za-z0-9_]*\)(.*/\1/p'); do
        echo "== ${dir#"$PWD"/} $target"
        "$go" test -run '^$' -fuzz "^$target\$" -fuzztime "${FUZZTIME:-20s}" -fuzzminimizetime 10x "$dir" </dev/null
    done
done
