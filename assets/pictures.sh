#!/usr/bin/env bash
# Takes a picture of every place of the window, on a screen of its own, with the demo's notebook.
#
#   assets/pictures.sh PROGRAM OUT [WIDTHxHEIGHT] [light|dark]
#
# PROGRAM is a built lab-desktop. Needs Xvfb, xdotool and ImageMagick.
set -euo pipefail

program=$(realpath "$1") out=$2 size=${3:-1280x800} look=${4:-light}
wide=${size%x*} high=${size#*x}
mkdir -p "$out"
home=$(mktemp -d)
exec {number}> >(cat >"$home/display")
Xvfb -noreset -displayfd "$number" -screen 0 "${size}x24" -nolisten tcp 2>/dev/null &
server=$!
window=
finish() {
    [ -z "$window" ] || kill "$window" 2>/dev/null || true
    kill "$server" 2>/dev/null || true
    wait "$server" 2>/dev/null || true
    rm -rf "$home"
}
trap finish EXIT
until [ -s "$home/display" ]; do sleep 0.1; done
export DISPLAY=:$(cat "$home/display") HOME=$home XDG_RUNTIME_DIR=$home LIBGL_ALWAYS_SOFTWARE=1 TZ=UTC

# Starts the program with these arguments and waits until it has painted.
start() {
    (cd "$home" && exec "$program" "$@") >/dev/null 2>&1 &
    window=$!
    local id
    until id=$(xdotool search --onlyvisible --class lab-desktop | head -1) && [ -n "$id" ]; do sleep 0.3; done
    xdotool windowsize --sync "$id" "$wide" "$high" windowmove "$id" 0 0 windowfocus --sync "$id" || true
    rest
}
stop() {
    kill "$window" 2>/dev/null || true
    wait "$window" 2>/dev/null || true
    window=
}
# Waits until the screen stands still; what moves with the clock is not waited for.
rest() {
    local before='' now _
    for _ in 1 2 3 4 5 6 7 8; do
        sleep 0.4
        now=$(import -window root -depth 8 rgb:- | cksum)
        [ "$now" = "$before" ] && return
        before=$now
    done
}
key() { xdotool key --delay 60 "$@"; rest; }
words() { xdotool type --delay 30 -- "$1"; rest; }
click() { xdotool mousemove "$1" "$2" click 1; rest; }
drag() {
    xdotool mousemove "$1" "$2" sleep 0.3 mousedown 1 sleep 0.3 mousemove_relative 12 8 sleep 0.3
    xdotool mousemove "$3" "$4" sleep 0.4 mouseup 1
    rest
    aside
}
aside() { xdotool mousemove $((wide - 3)) $((high - 3)); rest; }
# Does an action of the palette.
act() { key ctrl+p; words "$1"; key Return; }
take() { import -window root -depth 8 +dither -colors 256 -strip "$out/$1-$look.png"; }
light_or_dark() {
    click $((wide - 26)) 23
    if [ "$look" = dark ]; then click $((wide - 60)) 119; else click $((wide - 60)) 87; fi
    aside
}

start --demo
light_or_dark
take runs
key Down Down; key space Down space Down space; take runs-marked
act "Compare"; take compare
key Escape; act "Charts"; xdotool mousemove $((wide / 3)) 280; rest; take charts; aside
key Return; take charts-alone
key Escape; key Escape; key ctrl+l
panel() { click $((wide - 59)) 68; click $((wide - 110)) "$1"; }
panel 304; take runs-charts-below
panel 336; take runs-charts-beside
panel 164; panel 260; take runs-panels
drag $((wide - 240)) 103 $((wide / 3)) $((high - 40)); take runs-panels-dragged
act "Reset the panels"
key Return; take run
key ctrl+Tab; take run-log
key ctrl+Tab; take run-files
key ctrl+Tab; take run-environment
key ctrl+Tab; key 1; key Down; key Return
drag 260 63 $((wide - 80)) $((high / 2)); take run-two
key Escape; key r; key End; take restore
key Escape; key ctrl+a; act "Charts"; take charts-many
click 303 67; take charts-parallel
click 364 67; take charts-scatter
click 434 67; take charts-histograms
click 506 67; take charts-images
click 250 67
key Escape; key c; take compare-many
key Escape; key ctrl+l
key g; take dialog-group
key space; key Return; take runs-grouped
key slash; key ctrl+a; words "val/acc > 0.9 and "; take runs-filter
key ctrl+a; words "loss >> 3"; take runs-filter-wrong
key ctrl+a; words "name=nothing"; key Return; take runs-nothing
key slash; key ctrl+a BackSpace Return
key 4; take notes
key 5; words "learning"; key Return; take search
key 6; take health
key 2; take projects
key 1; key ctrl+p; take palette
key Escape; key question; take help
key Escape; key o; take dialog-note
key Escape; key t; take dialog-tags
key Escape; key Delete; take dialog-remove
key Escape; key y; take notice
stop
mkdir -p "$home/empty"
LAB_NOTEBOOK=$home/notebook start "$home/empty"
light_or_dark
take first-use
stop
