#!/bin/sh
# A scripted stretch of ordinary work in a watched project: edits, Git, looking around, formatters, tests, and
# now and then an experiment. Prints how many runs there should be and how many were kept, and every minute what the
# watcher holds: memory, descriptors, processor time. Fails when a run is missing or too much, when there are more
# descriptors at the end than after the first minute, or when it is larger than 60 MB. Ends half a minute after the stretch.
# usage: watch_hour.sh LAB [SECONDS]
set -eu
lab=$(realpath "$1")
seconds=${2:-540}
place=$(mktemp -d)
trap '"$lab" watch stop -q || :; rm -rf "$place"' EXIT
export LAB_NOTEBOOK="$place/notebook" LAB_KEY_FILE="$place/key" XDG_RUNTIME_DIR="$place/runtime"
mkdir -m 700 "$place/runtime"
mkdir "$place/project"
cd "$place/project"
cat > train.py <<'END'
import sys, time
time.sleep(1.5)
open("model.txt", "w").write(sys.argv[1])
END
"$lab" init -q > /dev/null
# From outside: a script that runs in the project when the watcher comes is a run itself.
cd "$place"
"$lab" watch start -q
until "$lab" watch status | grep -Eq 'Noticed by +(connector|loader|polling)'; do :; done
cd project
git init -q . 2> /dev/null || :
expected=0
end=$(($(date +%s) + seconds))
pid=$("$lab" watch status --json | sed -n 's/^ *"pid": \([0-9]*\),*$/\1/p' | head -1)
memory() { sed -n 's/^VmRSS:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status"; }
descriptors() { find "/proc/$pid/fd" -mindepth 1 | wc -l; }
held() {
    ticks=$(sed 's/.*) //' "/proc/$pid/stat" | cut -d' ' -f12,13 | tr ' ' +)
    echo "$(date +%T): $expected runs, $(memory) kB, $(descriptors) descriptors, $((($ticks) * 10)) ms of processor time"
}
first=''
minute=$(($(date +%s) + 60))
held
while [ "$(date +%s)" -lt "$end" ]; do
    for _ in 1 2 3 4 5 6; do
        echo "# $expected" >> notes.md
        git add -A && git -c user.name=x -c user.email=x@example.org commit -qm "work" || :
        git status -s > /dev/null; git log --oneline > /dev/null
        ls -l > /dev/null; cat train.py > /dev/null; grep -rn sleep . > /dev/null
        python3 -c 'import json' ; python3 -m json.tool < /dev/null > /dev/null 2>&1 || :
        command -v pip > /dev/null && pip --version > /dev/null || :
        command -v vim > /dev/null && vim -es -c q notes.md || :
    done
    python3 train.py "$expected"
    expected=$((expected + 1))
    sh -c "python3 train.py $expected | cat"
    expected=$((expected + 1))
    if [ "$(date +%s)" -ge "$minute" ]; then
        minute=$((minute + 60))
        held
        first=${first:-$(descriptors)}
    fi
done
late=$(($(date +%s) + 30))
while [ "$(date +%s)" -lt "$late" ] && "$lab" ls --status running --json -n 0 | grep -q '"id"'; do sleep 1; done
sleep 2
held
kept=$("$lab" ls --json -n 0 | grep -c '"id"')
echo "expected $expected runs, kept $kept"
verdict=good
[ "$expected" -eq "$kept" ] || verdict="bad: runs are missing or too many"
[ "$(descriptors)" -le "$((${first:-1000} + 2))" ] || verdict="bad: more and more descriptors"
[ "$(memory)" -le 61440 ] || verdict="bad: larger than 60 MB"
echo "verdict: $verdict"
test "$verdict" = good
