# Tells `lab watch` of commands in watched projects. Made by `lab hook bash`; for bash 4.4 and later.
# Only builtins: no process is started, but for one mkfifo per shell.
if [[ $- == *i* && -z ${__lab_file-} ]] && (( BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 404 )); then
__lab_file=@HOOK_FILE@
__lab_sequence=0 __lab_armed='' __lab_told='' __lab_seen='' __lab_mute='' __lab_misses=0 __lab_space='' __lab_at='' __lab_inside=''

# Whether the directory $1 lies in one of the roots behind it. By the files themselves, so that links do not matter.
__lab_within() {
    local at=$1 root
    shift
    while :; do
        for root; do
            [[ $at -ef $root ]] && return 0
        done
        [[ $at == / || -z $at ]] && return 1
        at=${at%/*}
        [[ -n $at ]] || at=/
    done
}

# The command line as the history has it; else the first command of it.
__lab_line() {
    local entry number text=''
    if HISTTIMEFORMAT='' builtin history 1 >|"$1" && IFS= builtin read -r -d '' entry <"$1"; [[ -n $entry ]]; then
        entry=${entry#"${entry%%[! ]*}"}
        number=${entry%%[!0-9]*}
        text=${entry#"$number"}
        text=${text:2}
        text=${text%$'\n'}
        # The same number as before: the same line once more, or one that the history does not take.
        if [[ $number == "$__lab_seen" && $text != "${BASH_COMMAND%% *}"* ]]; then
            text=$BASH_COMMAND
        fi
        __lab_seen=$number
    fi
    __lab_text=${text:-$BASH_COMMAND}
}

# Before a command line starts.
__lab_start() {
    __lab_last=$1 __lab_armed='' __lab_told=''
    [[ -z ${COMP_LINE-} && -z ${READLINE_LINE-} && -r $__lab_file ]] || return 0
    local IFS=$' \t\n' place fifo pid answer __lab_text
    builtin mapfile -t place <"$__lab_file" || return 0
    pid=${place[0]-} fifo=${place[1]-}
    [[ $pid == '1 '* ]] || return 0
    pid=${pid#1 }
    if [[ $PWD$'\n'${place[*]:2} != "$__lab_at" ]]; then
        __lab_at=$PWD$'\n'${place[*]:2}
        __lab_inside=''
        __lab_within "$PWD" "${place[@]:2}" && __lab_inside=1
    fi
    [[ -n $__lab_inside && -p $fifo ]] && builtin kill -0 "$pid" 2>/dev/null || return 0
    # A watcher that did not answer is left alone for three seconds, then for twice as long each time: what nobody
    # reads must never fill the pipe.
    [[ -z $__lab_mute || $SECONDS -ge $__lab_mute ]] || return 0
    # Lengths in bytes from here on; changing it costs more than all before.
    local LC_ALL=C reply=${fifo%/*}/reply.$$
    [[ -p $reply ]] || command mkfifo -m 600 "$reply" 2>/dev/null || return 0
    __lab_line "$reply.line"
    if [[ $__lab_text == ' '* ]]; then
        # The watcher hears that there is something, not what.
        [[ -n $__lab_space ]] && builtin history -d "$__lab_seen" 2>/dev/null
        __lab_text='' __lab_seen=''
    fi
    __lab_text=${__lab_text//$'\n'/$'\036'}
    __lab_sequence=$((__lab_sequence + 1))
    {
        builtin printf '1\037start\037%s\037%s\037%s\037%s\n' "$$" "$__lab_sequence" "$PWD" \
            "${__lab_text:0:$((3900 - ${#PWD}))}" 1<>"$fifo"
        while :; do
            if ! IFS= builtin read -r -t "${LAB_HOOK_PATIENCE:-0.25}" answer; then
                __lab_mute=$((SECONDS + (3 << __lab_misses))) __lab_misses=$((__lab_misses < 12 ? __lab_misses + 1 : 12))
                break
            fi
            if [[ $answer == "$__lab_sequence "* ]]; then
                answer=${answer#* } __lab_misses=0
                [[ -n $answer ]] && builtin printf '\e[2m%s\e[0m\n' "$answer" >&2
                break
            fi
        done
    } 0<>"$reply" 2>&2
    __lab_told=$fifo
    return 0
}

# Before the prompt: what the command came to.
__lab_end() {
    local status=$?
    __lab_armed=''
    if [[ -n $__lab_told ]]; then
        [[ -p $__lab_told ]] && builtin printf '1\037end\037%s\037%s\037%s\n' "$$" "$__lab_sequence" "$status" 1<>"$__lab_told"
        __lab_told=''
    fi
    # A line with a space before it must be seen to be left alone; the hook keeps it out of the history.
    case ${HISTCONTROL-} in
        *ignoreboth*) HISTCONTROL=${HISTCONTROL/ignoreboth/ignoredups} __lab_space=1 ;;
        *ignorespace*) HISTCONTROL=${HISTCONTROL/ignorespace/} __lab_space=1 ;;
    esac
    [[ $- == *e* ]] && return 0
    return "$status"
}

# PS0 is expanded once per command line, right before it starts; the arithmetic in it starts no process.
PS0="${PS0-}"'${__lab_file:$((__lab_armed=1,0)):0}'
if (( BASH_VERSINFO[0] * 100 + BASH_VERSINFO[1] >= 501 )); then
    PROMPT_COMMAND=(__lab_end "${PROMPT_COMMAND[@]}")
else
    PROMPT_COMMAND="__lab_end${PROMPT_COMMAND:+; $PROMPT_COMMAND}"
fi
__lab_trap=$(trap -p DEBUG)
__lab_trap=${__lab_trap#"trap -- '"}
__lab_trap=${__lab_trap%"' DEBUG"}
__lab_trap=${__lab_trap//"'\\''"/"'"}
trap 'if [[ -n $__lab_armed ]]; then __lab_start "$_"; : "$__lab_last"; fi'"${__lab_trap:+
$__lab_trap}" DEBUG
unset __lab_trap
fi
