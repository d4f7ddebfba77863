"""What the definitions of command lines and configuration cannot say: sections before and after the generated ones, by page.

A string is a paragraph, a pair a term with its text, a list the lines of an example."""

EXIT_STATUS = ("EXIT STATUS", [("0", "done"), ("1", "tried and failed"), ("2", "wrong usage: an unknown option, key or value"),
                               ("3", "tierd does not run"), ("4", "not permitted"), ("5", "this machine, kernel or installation lacks something")])

# Of the tools that talk to no daemon.
TOOL_EXIT_STATUS = ("EXIT STATUS", [each for each in EXIT_STATUS[1] if each[0] not in ("3", "4")])

before = {
    "tierd": [
        ("DESCRIPTION", [
            "tierd samples through eBPF what running programs wait for, forecasts what they will wait for next, and moves those pages to the "
            "fast memory tier before they are needed. Programs and kernel stay as they are.",
            "It starts in observe mode, in which it samples, forecasts, plans and scores, and moves nothing. `mode = \"act\"` in the "
            "configuration lets it move pages. It runs as the service `tierd.service`; `tierctl` shows what it does and steers it."])],
    "tierctl": [
        ("DESCRIPTION", ["tierctl is the command line of tierd. Commands that change something need root or membership in the group `tierd`; others see of "
                         "other users' processes nothing but totals."])],
    "tierd.toml": [
        ("SYNOPSIS", [["/usr/lib/tierd/tierd.toml", "/etc/tierd/tierd.toml", "/etc/tierd/tierd.toml.d/*.toml", "/run/tierd/tierd.toml.d/*.toml",
                       "/usr/lib/tierd/tierd.toml.d/*.toml"]]),
        ("DESCRIPTION", [
            "TOML. The files are read in this order: the defaults below /usr, /etc/tierd/tierd.toml, then all drop-ins in the order of their file "
            "names; a later file wins key by key. Of drop-ins with equal names only the one in /etc counts, then the one in /run, and a link to /dev/null "
            "there masks the others.",
            "Unknown keys, values out of range and missing units are refused with file, line, key and fix. `tierctl config check` reads the "
            "files as the daemon would; a reload that is refused leaves the old configuration in force.",
            "Times need a unit (ns us ms s min h), sizes too (KiB MiB GiB TiB, KB MB GB TB), rates end in /s, shares are 0.01 or \"1%\"."])],
    "tierd-restore-prefetch": [
        ("SYNOPSIS", ["`tierd-restore-prefetch` [`--journal` FILE]"]),
        ("DESCRIPTION", [
            "Puts prefetch settings back to what they were before tierd changed them: registers of CPUs, read-ahead of block devices and of swap. "
            "tierd does so itself whenever it ends; this program does it after a tierd that was killed. `tierd.service` runs it each time "
            "that tierd has ended, and `tierd-restore-prefetch.service` at boot.",
            "FILE is the journal in which tierd keeps what it found, /run/tierd/prefetch.journal by default. A setting that another program has "
            "changed since is left as it is."]),
        ("EXIT STATUS", [("0", "everything is back, or there was nothing to put back"), ("1", "a setting could not be put back"), ("2", "wrong usage"),
                         ("6", "another program changed a setting after tierd did; that one was left, all others are back")])],
    "tier-record": [
        ("DESCRIPTION", [
            "Makes traces for tier-sim: exact recordings of what a program asks of memory. `run` runs an x86-64 program under QEMU's user-mode "
            "emulation, with neither root nor tierd. It needs an emulator that loads plug-ins, which it fetches once from the Debian archive into "
            "~/.cache/tierd. `lab` converts the counts of a run of tier-lab.",
            "A recording needs some hundred intervals to show something, and a program whose memory exceeds the modelled cache by far."])],
    "tier-sim": [
        ("DESCRIPTION", ["Simulates workloads on machines with several memory tiers, under tierd and under other policies, and compares what programs wait for. "
                         "Workloads are generated or recorded (tier-record, `tierctl record`)."])],
    "tier-train": [
        ("DESCRIPTION", ["Trains, judges, exports and searches models of the learned forecaster of tierd, on traces and on generated workloads."])],
}

after = {
    "tierd": [
        ("SIGNALS", [("SIGHUP", "reads the configuration again, all or nothing. `systemctl reload tierd` does the same and waits for the result."),
                     ("SIGTERM, SIGINT", "ends within a second, also in the middle of a batch of moves; pages stay where they are, prefetch settings are "
                                         "put back.")]),
        EXIT_STATUS,
        ("FILES", [("/etc/tierd/tierd.toml, /etc/tierd/tierd.toml.d/*.toml", "configuration"),
                   ("/run/tierd/io.tierd.Control", "control socket"),
                   ("/run/tierd/prefetch.journal", "prefetch settings as they were found"),
                   ("/var/lib/tierd/signatures", "what the learned forecaster has learnt of this machine's workloads"),
                   ("/usr/share/tierd/enable", "rights beyond the service's own, which `tierctl enable` switches on"),
                   ("/usr/share/doc/tierd/operations.md", "the operator's handbook")])],
    "tierctl": [EXIT_STATUS],
    "tierd.toml": [
        ("EXAMPLES", ["Watch the processes of redis-server and move their pages:", ['mode = "act"', "", "[targets]", 'executables = ["redis-server"]']])],
    "tier-record": [
        ("EXAMPLES", ["A recording of half a minute, and what tierd makes of it. The recording lasts 1.64 seconds, which `trace*40:` stretches as memory was scaled down:",
                      ["seq 2000000 | shuf >big.txt",
                       "LC_ALL=C tier-record run -o sort.trace --interval-instructions 20000000 \\",
                       "    -- sort --parallel=1 -o /dev/null big.txt",
                       "tier-sim run 'trace*40:sort.trace' --policy none",
                       "tier-sim run 'trace*40:sort.trace'"]]),
        TOOL_EXIT_STATUS],
    "tier-sim": [("EXAMPLES", [["tier-sim run 'phases:footprint=2GiB' --machine ddr5-cxl", "tier-sim run 'trace*40:sort.trace' --policy hemem"]]), TOOL_EXIT_STATUS],
    "tier-train": [TOOL_EXIT_STATUS],
}

see_also = {
    "tierd": [("tierctl", 1), ("tierd.toml", 5), ("tierd-restore-prefetch", 8)],
    "tierctl": [("tierd.toml", 5), ("tierd", 8)],
    "tierd.toml": [("tierctl-config", 1), ("tierd", 8)],
    "tierd-restore-prefetch": [("tierctl-prefetch", 1), ("tierd", 8)],
    "tier-record": [("tier-sim", 1), ("tierctl-record", 1)],
    "tier-sim": [("tier-record", 1), ("tier-train", 1)],
    "tier-train": [("tier-sim", 1), ("tierd", 8)],
}

# Paragraphs of the pages of tierctl's commands, by page.
commands = {
    "tierctl-enable": ["Each right is a file below /usr/share/tierd/enable, copied to /etc/systemd/system/tierd.service.d or /etc/sysctl.d. "
                       "`tierctl disable` takes it back; so does the removal of the package."],
    "tierctl-config": ["The configuration's files and keys: tierd.toml(5)."],
}
