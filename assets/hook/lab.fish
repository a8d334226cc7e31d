# Tells `lab watch` of commands in watched projects. Made by `lab hook fish`.
# Only builtins: no process is started. fish can wait for no pipe with a limit, so the answer comes in a small file, which
# is looked at until it is there; the kernel's uptime says how long that has been.
if status is-interactive; and not set -q __lab_file
    set -g __lab_file @HOOK_FILE@
    set -g __lab_sequence 0
    set -g __lab_told ''
    set -g __lab_at ''
    set -g __lab_inside ''
    set -g __lab_mute 0
    set -g __lab_misses 0

    # Whether the process $argv[1] lives and the pipe $argv[2] is there. Writing to a pipe that nobody reads would wait for
    # ever: one that has ended and waits to be collected reads no more.
    function __lab_lives
        test -p "$argv[2]"; and test -r /proc/$argv[1]/stat; or return 1
        read -l state </proc/$argv[1]/stat; or return 1
        not string match -qr '^.*\) [ZXx] ' -- $state
    end

    # Before a command line starts.
    function __lab_start --on-event fish_preexec
        set -g __lab_told ''
        test -n "$argv[1]"; and test -r $__lab_file; or return 0
        read -z -l text <$__lab_file; or return 0
        # Looked at again only when the projects or the directory are others.
        if test "$text$PWD" != "$__lab_at"
            set -g __lab_at "$text$PWD"
            set -g __lab_inside ''
            set -g __lab_here (pwd -P)
            set -l place (string split \n -- $text)
            string match -q '1 *' -- $place[1]; or return 0
            set -g __lab_pid (string sub -s 3 -- $place[1])
            set -g __lab_fifo $place[2]
            for root in $place[3..-1]
                # By length, not by pattern: a root may hold any letter.
                set -l length (string length -- "$root/")
                if test -n "$root"; and test (string sub -l $length -- "$__lab_here/") = "$root/"
                    set -g __lab_inside 1
                    break
                end
            end
        end
        test -n "$__lab_inside"; and __lab_lives $__lab_pid $__lab_fifo; or return 0
        # A watcher that did not answer is left alone for three seconds, then for twice as long each time: what nobody
        # reads must never fill the pipe.
        read -l now rest </proc/uptime; and test $now -ge $__lab_mute; or return 0
        # A letter has four bytes at most, and the kernel keeps a line of 4096 in one piece.
        set -l room (math 975 - (string length -- $__lab_here))
        test $room -gt 0; or return 0
        set -g __lab_sequence (math $__lab_sequence + 1)
        set -l line (string sub -l $room -- (string replace -a \n \x1e -- $argv[1]))
        # Of a line with a space before it the watcher hears that there is something, not what.
        string match -q ' *' -- $line; and set line ''
        set -l reply (string replace -r '[^/]*$' '' -- $__lab_fifo)reply.$fish_pid
        # Added to, for emptying a file each time makes some file systems write it to the disk.
        if test (math $__lab_sequence % 64) = 1
            echo "wait $__lab_sequence" >$reply; or return 0
        else
            echo "wait $__lab_sequence" >>$reply; or return 0
        end
        printf '1\x1fstart\x1f%s\x1f%s\x1f%s\x1f%s\n' $fish_pid $__lab_sequence $__lab_here "$line" >$__lab_fifo
        set -g __lab_told $__lab_sequence
        set -l patience 0.25
        set -q LAB_HOOK_PATIENCE; and set patience $LAB_HOOK_PATIENCE
        set -l end (math $now + $patience)
        while read -z -l text <$reply; or true
            set -l answer (string split \n -- $text)[-2]
            if string match -q "$__lab_sequence *" -- $answer
                set -g __lab_misses 0
                set -l hint (string replace "$__lab_sequence " '' -- $answer)
                test -n "$hint"; and printf '\e[2m%s\e[0m\n' $hint >&2
                break
            end
            read -l now rest </proc/uptime
            if test $now -ge $end
                # Whoever answers from now on is too late, and sees it.
                echo late >>$reply
                set -g __lab_mute (math "$now + 3 * 2 ^ $__lab_misses")
                test $__lab_misses -lt 12; and set -g __lab_misses (math $__lab_misses + 1)
                break
            end
        end
        return 0
    end

    # After it.
    function __lab_end --on-event fish_postexec
        set -l code $status
        if test -n "$__lab_told"
            __lab_lives $__lab_pid $__lab_fifo
            and printf '1\x1fend\x1f%s\x1f%s\x1f%s\n' $fish_pid $__lab_told $code >$__lab_fifo
            set -g __lab_told ''
        end
        return 0
    end
end
