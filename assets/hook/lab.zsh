# Tells `lab watch` of commands in watched projects. Made by `lab hook zsh`.
# Only builtins: no process is started, but for one mkfifo per shell.
if [[ -o interactive && -z ${__lab_file-} ]]; then
typeset -g __lab_file=@HOOK_FILE@ __lab_told='' __lab_mute=0
typeset -gi __lab_sequence=0 __lab_misses=0

# Before a command line starts.
__lab_start() {
    emulate -L zsh
    __lab_told=''
    [[ -r $__lab_file ]] || return 0
    local -a place
    place=("${(@f)$(<$__lab_file)}")
    local pid=${place[1]#1 } fifo=${place[2]-} root here=${PWD:A} inside=''
    [[ ${place[1]} == '1 '* && -p $fifo ]] || return 0
    for root in "${(@)place[3,-1]}"; do
        [[ -n $root && ( $here == $root || $here == $root/* ) ]] && inside=1 && break
    done
    [[ -n $inside ]] && builtin kill -0 $pid 2>/dev/null || return 0
    # A watcher that did not answer is left alone for three seconds, then for twice as long each time: what nobody
    # reads must never fill the pipe.
    (( SECONDS >= __lab_mute )) || return 0
    local reply=${fifo:h}/reply.$$ answer text=${1//$'\n'/$'\x1e'}
    # Of a line with a space before it the watcher hears that there is something, not what.
    [[ $1 == ' '* ]] && text=''
    [[ -p $reply ]] || command mkfifo -m 600 $reply 2>/dev/null || return 0
    (( __lab_sequence++ ))
    setopt localoptions nomultibyte
    {
        builtin print -rn -- $'1\x1fstart\x1f'$$$'\x1f'$__lab_sequence$'\x1f'$here$'\x1f'${text[1,$((3900 - ${#here}))]}$'\n' 1<>$fifo
        while true; do
            if ! IFS= builtin read -r -t ${LAB_HOOK_PATIENCE:-0.25} answer; then
                __lab_mute=$((SECONDS + (3 << __lab_misses)))
                (( __lab_misses < 12 && ++__lab_misses ))
                break
            fi
            if [[ $answer == "$__lab_sequence "* || $answer == $__lab_sequence ]]; then
                answer=${answer#$__lab_sequence}
                __lab_misses=0
                [[ -n ${answer# } ]] && builtin print -r -- $'\e[2m'${answer# }$'\e[0m' >&2
                break
            fi
        done
    } 0<>$reply
    __lab_told=$fifo
    return 0
}

# Before the prompt: what the command came to.
__lab_end() {
    local code=$?
    if [[ -n $__lab_told ]]; then
        [[ -p $__lab_told ]] && builtin print -rn -- $'1\x1fend\x1f'$$$'\x1f'$__lab_sequence$'\x1f'$code$'\n' 1<>$__lab_told
        __lab_told=''
    fi
    return 0
}

typeset -ga preexec_functions precmd_functions
preexec_functions+=(__lab_start)
precmd_functions=(__lab_end $precmd_functions)
fi
