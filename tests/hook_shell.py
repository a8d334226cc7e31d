"""Types commands into a real interactive shell with the hook of `lab`, on a pseudo-terminal.

usage: hook_shell.py SHELL LAB DIRECTORY SCRATCH, the commands as a JSON list on standard input. Prints JSON:
{"output": what the terminal showed, "millis": how long each command took until the next prompt}.
The shell's own startup files are not read. Each prompt adds a line to SCRATCH/prompts: that is waited for.
"""

import json
import os
import pty
import select
import sys
import time

LIMIT_SECONDS = 60

shell, lab, directory, scratch = sys.argv[1:5]
lines = json.load(sys.stdin)
before = os.environ.get("HOOK_BEFORE", "")
with_hook = os.environ.get("HOOK_NONE") is None
prompts = os.path.join(scratch, "prompts")
open(prompts, "w").close()
environment = dict(os.environ, TERM="dumb", HOME=scratch, ZDOTDIR=scratch, XDG_CONFIG_HOME=scratch, PS1="$ ")
hook = {
    "bash": f'eval "$({lab} hook bash)"',
    "zsh": f'eval "$({lab} hook zsh)"',
    "fish": f"{lab} hook fish | source",
}[shell] if with_hook else ""
mark = f"echo >> {prompts}"
startup = {
    "bash": ("rc", f"PS1='$ '\n{before}\n{hook}\nPROMPT_COMMAND+=('{mark}')\n"),
    "zsh": (".zshrc", f"unsetopt zle\nPS1='$ '\n{before}\n{hook}\nprecmd_mark() {{ {mark} }}\nprecmd_functions+=(precmd_mark)\n"),
    "fish": ("fish/config.fish", f"set -g fish_greeting\nfunction fish_prompt; end\nfunction mark --on-event fish_prompt; {mark}; end\n{before}\n{hook}\n"),
}[shell]
os.makedirs(os.path.join(scratch, "fish"), exist_ok=True)
with open(os.path.join(scratch, startup[0]), "w") as file:
    file.write(startup[1])
arguments = {
    "bash": ["bash", "--noprofile", "--rcfile", os.path.join(scratch, "rc"), "-i"],
    "zsh": ["zsh", "-d", "-i"],
    "fish": ["fish", "-i"],
}[shell]

child, terminal = pty.fork()
if child == 0:
    os.chdir(directory)
    os.execvpe(arguments[0], arguments, environment)

output = b""


def prompted():
    with open(prompts) as file:
        return file.read().count("\n")


def wait_for(count):
    global output
    end = time.monotonic() + LIMIT_SECONDS
    while prompted() < count and time.monotonic() < end:
        readable, _, _ = select.select([terminal], [], [], 0.0005)
        if readable:
            try:
                output += os.read(terminal, 65536)
            except OSError:
                return


wait_for(1)
millis = []
for number, line in enumerate(lines):
    started = time.monotonic()
    os.write(terminal, line.encode() + b"\r")
    wait_for(number + 2)
    millis.append((time.monotonic() - started) * 1000)
os.write(terminal, b"exit\r")
while True:
    try:
        part = os.read(terminal, 65536)
    except OSError:
        break
    if not part:
        break
    output += part
os.waitpid(child, 0)
print(json.dumps({"output": output.decode(errors="replace"), "millis": millis}))
