# Tells `lab watch` of commands in watched projects. Made by `lab hook fish`.
# Outside of projects only builtins; inside one, one short process before and one after a command.
if status is-interactive; and not set -q __lab_file
    set -g __lab_file @HOOK_FILE@
    set -g __lab_program @LAB@
    set -g __lab_sequence 0
    set -g __lab_told ''
    set -g __lab_at ''
    set -g __lab_inside ''

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
            for root in $place[3..-1]
                # By length, not by pattern: a root may hold any letter.
                set -l length (string length -- "$root/")
                if test -n "$root"; and test (string sub -l $length -- "$__lab_here/") = "$root/"
                    set -g __lab_inside 1
                    break
                end
            end
        end
        set -g __lab_told $__lab_inside
        test -n "$__lab_told"; or return 0
        set -g __lab_sequence (math $__lab_sequence + 1)
        # Of a line with a space before it the watcher hears that there is something, not what.
        set -l text $argv[1]
        string match -q ' *' -- "$text"; and set text ''
        set -l hint ($__lab_program __hook start $__lab_file $fish_pid $__lab_sequence $__lab_here "$text" "$LAB_HOOK_PATIENCE" 2>/dev/null)
        if test -n "$hint"
            set_color --dim >&2
            echo $hint >&2
            set_color normal >&2
        end
        return 0
    end

    # After it.
    function __lab_end --on-event fish_postexec
        set -l code $status
        if test -n "$__lab_told"
            set -g __lab_told ''
            $__lab_program __hook end $__lab_file $fish_pid $__lab_sequence $code 2>/dev/null
        end
        return 0
    end
end
