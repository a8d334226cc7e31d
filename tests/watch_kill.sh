#!/bin/sh
# Kills the watcher by signal 9 while runs go on: no run may end otherwise than it would have, and each is kept.
# Ends by itself within ten minutes: with fewer kills on a machine that is too slow, and says so.
# usage: watch_kill.sh LAB [TIMES]
set -eu
lab=$(realpath "$1")
times=${2:-200}
place=$(mktemp -d)
trap '"$lab" watch stop -q || :; rm -rf "$place"' EXIT
export LAB_NOTEBOOK="$place/notebook" LAB_KEY_FILE="$place/key" XDG_RUNTIME_DIR="$place/runtime"
mkdir -m 700 "$place/runtime"
mkdir "$place/project"
# This script stays outside of the project: a script that runs in it is a run itself.
cd "$place/project"
printf 'import sys, time\ntime.sleep(0.3)\nsys.exit(7)\n' > train.py
printf '[watch]\nrun = ["train.py"]\n' > lab.toml
"$lab" init -q > /dev/null
cd "$place"
noticing() {
    "$lab" watch start -q
    until "$lab" watch status | grep -Eq 'Noticed by +(connector|loader|polling)'; do :; done
}
noticing
wrong=0
number=0
limit=$(($(date +%s) + 540))
while [ "$number" -lt "$times" ] && [ "$(date +%s)" -lt "$limit" ]; do
    (cd project && exec python3 train.py "$number") & run=$!
    # Somewhere in the life of the run.
    perl -e "select(undef, undef, undef, rand(0.3))"
    kill -9 "$("$lab" watch status --json | sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p' | head -1)" || :
    noticing
    code=0
    wait "$run" || code=$?
    [ "$code" -eq 7 ] || wrong=$((wrong + 1))
    number=$((number + 1))
done
late=$(($(date +%s) + 30))
while [ "$(date +%s)" -lt "$late" ] && "$lab" -C project ls --status running --json -n 0 | grep -q '"id"'; do sleep 1; done
kept=$("$lab" -C project ls --json -n 0 | grep -c '"id"')
echo "killed $number of $times times: $wrong runs ended wrongly, $kept kept:"
for status in done failed killed lost; do
    echo "  $status $("$lab" -C project ls --status "$status" --json -n 0 | grep -c '"id"' || :)"
done
# A run that was over before the next watcher looked cannot be known: it is missing, never doubled.
verdict=good
[ "$kept" -le "$number" ] || verdict="bad: runs are doubled"
[ "$wrong" -eq 0 ] || verdict="bad: runs ended otherwise than they would have"
echo "verdict: $verdict"
test "$verdict" = good
