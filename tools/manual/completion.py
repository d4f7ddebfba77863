"""Completion for bash, zsh and fish. Each walks the words so far to the command that they name and offers what may follow it."""

PIDS = "/proc"  # its folders of digits alone


def quoted(text):
    return "'" + text.replace("'", "'\\''") + "'"


def short(text):
    """One line without what shells treat apart in descriptions."""
    return " ".join(text.split())


def offered(program, command):
    """Options that may stand there: its own and, as CLI11 lets them fall through, the program's."""
    own = list(command.options)
    if command is not program and program.fallthrough:
        own += [option for option in program.options if not option.is_help]
    return own


def relative(command):
    return " ".join(command.path[1:])


def bash_value(kind, words, rights):
    return {"words": f'COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$cur"))',
            "rights": f'COMPREPLY=($(compgen -W "{" ".join(rights)}" -- "$cur"))',
            "pid": f'COMPREPLY=($(compgen -W "$(cd {PIDS} && echo [0-9]*)" -- "$cur"))',
            "file": 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -f -- "$cur"))',
            "folder": 'compopt -o filenames 2>/dev/null; COMPREPLY=($(compgen -d -- "$cur"))'}.get(kind, "COMPREPLY=()")


def bash(program, rights):
    function = "_" + program.name.replace("-", "_")
    out = [f"# Completion of {program.name} for bash; generated.", f"{function}()", "{",
           '    local cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD - 1]} path="" at',
           "    COMPREPLY=()",
           "    # bash takes --option=value for three words.",
           '    if [ "$cur" = "=" ]; then cur=""; elif [ "$prev" = "=" ]; then prev=${COMP_WORDS[COMP_CWORD - 2]}; fi',
           "    for ((at = 1; at < COMP_CWORD; at++)); do",
           '        case "$path ${COMP_WORDS[at]}" in']
    for command in program.all():
        if command is not program:
            parent = " ".join(command.path[1:-1])
            out.append(f"            {quoted(parent + ' ' + command.path[-1])}) path={quoted(relative(command))} ;;")
    out += ["        esac", "    done", '    case "$path $prev" in']
    for command in program.all():
        for option in offered(program, command):
            if option.takes_value:
                names = " | ".join(quoted(f"{relative(command)} {name}") for name in option.names)
                out += [f"        {names})", f"            {bash_value(option.kind, option.choices, rights)}", "            return ;;"]
    out += ["    esac", '    case "$path" in']
    for command in program.all():
        words = [each.path[-1] for each in command.commands]
        options = [name for option in offered(program, command) for name in option.names]
        out += [f"        {quoted(relative(command))})",
                '            case "$cur" in',
                f'                -*) COMPREPLY=($(compgen -W "{" ".join(options)}" -- "$cur")) ;;']
        if words:
            out.append(f'                *) COMPREPLY=($(compgen -W "{" ".join(words)}" -- "$cur")) ;;')
        elif command.places:
            out.append(f"                *) {bash_value(command.places[0].kind, command.places[0].choices, rights)} ;;")
        out += ["            esac ;;"]
    out += ["    esac", "}", f"complete -F {function} {program.name}"]
    return "\n".join(out) + "\n"


def zsh_text(text):
    return short(text).replace("\\", "\\\\").replace("[", "\\[").replace("]", "\\]").replace(":", "\\:").replace("'", "'\\''").replace("`", "")


def zsh_value(option, rights):
    action = {"words": "(" + " ".join(option.choices) + ")", "rights": "(" + " ".join(rights) + ")", "pid": "_pids", "file": "_files",
              "folder": "_files -/"}.get(option.kind, " ")
    return f":{zsh_text(option.value.lower()).replace('|', ' or ')}:{action}"


def zsh(program, rights):
    def function(command):
        return "_" + "_".join(command.path).replace("-", "_")

    out = [f"#compdef {program.name}", f"# Completion of {program.name} for zsh; generated."]
    for command in program.all():
        arguments = []
        for option in offered(program, command):
            for name in option.names:
                equals = "=" if option.takes_value and name.startswith("--") else ""
                value = zsh_value(option, rights) if option.takes_value else ""
                arguments.append(f"'{name}{equals}[{zsh_text(option.sentence())}]{value}'")
        if command.commands:
            arguments += ["'1: :->command'", "'*:: :->argument'"]
        for place in command.places:
            arguments.append("'" + ("*" if place.many else "" if place.required else ":") + zsh_value(place, rights) + "'")
        out += [f"{function(command)}() {{", "    local curcontext=$curcontext state line", "    local -a commands", "    _arguments -C \\"]
        out.append(" \\\n".join("        " + argument for argument in arguments))
        if command.commands:
            out += ["    case $state in", "        command)", "            commands=("]
            out += [f"                '{each.path[-1]}:{zsh_text(each.text)}'" for each in command.commands]
            out += ["            )", "            _describe -t commands command commands ;;", "        argument)", "            case $words[1] in"]
            out += [f"                {each.path[-1]}) {function(each)} ;;" for each in command.commands]
            out += ["            esac ;;", "    esac"]
        out.append("}")
    out.append(f'{function(program)} "$@"')
    return "\n".join(out) + "\n"


def fish(program, rights):
    function = "__" + program.name.replace("-", "_") + "_at"
    known = " ".join(quoted(relative(command)) for command in program.all() if command is not program)
    out = [f"# Completion of {program.name} for fish; generated.", f"function {function}", "    set -l path ''",
           "    for word in (commandline -opc)[2..-1]", '        set -l next (string trim "$path $word")',
           f'        contains -- "$next" {known or quoted("")}; and set path $next', "    end", '    test "$path" = "$argv[1]"', "end",
           f"complete -c {program.name} -f"]
    for command in program.all():
        where = f"complete -c {program.name} -n {quoted(function + ' ' + quoted(relative(command)))}"
        for each in command.commands:
            out.append(f"{where} -a {quoted(each.path[-1])} -d {quoted(short(each.text))}")
        for option in offered(program, command):
            names = " ".join(f"-l {name[2:]}" if name.startswith("--") else f"-s {name[1:]}" for name in option.names)
            value = " " + fish_value(option, rights) if option.takes_value else ""
            out.append(f"{where} {names}{value} -d {quoted(short(option.sentence()))}")
        if command.places and not command.commands:
            out.append(f"{where} {fish_value(command.places[0], rights, place=True)}")
    return "\n".join(out) + "\n"


def fish_value(option, rights, place=False):
    flag = "" if place else "-x "
    words = {"words": " ".join(option.choices), "rights": " ".join(rights), "pid": "(__fish_complete_pids)",
             "folder": "(__fish_complete_directories)"}.get(option.kind, "")
    if option.kind == "file":
        return "-F" if place else "-r -F"
    return f"{flag}-a {quoted(words)}".strip() if words else flag.strip() or "-a ''"
