"""What tools/quickstart costs a newcomer, of this revision and of another: CPU and wall time from a clean clone with an empty compiler
cache to the first table. Packages are installed already and downloads cached, for both alike. Read by tools/bench."""

import os
import pathlib
import re
import resource
import subprocess
import sys
import tempfile
import time

BEFORE = "7e6837a"  # the last revision whose quickstart built everything


def cpu_of_children():
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def clone(root, revision, folder):
    for command in (["git", "clone", "--quiet", "--no-checkout", str(root), str(folder)], ["git", "-C", str(folder), "checkout", "--quiet", revision]):
        if subprocess.run(command).returncode != 0:
            sys.exit(f"tools/bench: cannot clone revision {revision} (fix: give --before a revision that `git log` shows)")


def run(root, revision, label, scratch):
    """One run of that revision's quickstart: seconds of CPU until it ended, wall seconds until its first line of output, lines compiled."""
    folder = pathlib.Path(scratch) / label
    clone(root, revision, folder)
    environment = {**os.environ, "CCACHE_DIR": str(folder / "empty-ccache")}
    for name in ("CCACHE_BASEDIR", "CCACHE_NOHASHDIR", "CCACHE_DISABLE"):
        environment.pop(name, None)
    log = root / f"build/bench/quickstart-time/{label}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f"quickstart-time: {label} ({revision}); its progress: {log}\n")
    cpu, begun, first, lines = cpu_of_children(), time.monotonic(), None, []
    with open(log, "w") as sink, subprocess.Popen([str(folder / "tools/quickstart"), "--lab"], stdout=subprocess.PIPE, stderr=sink,
                                                  stdin=subprocess.DEVNULL, text=True, env=environment) as child:
        for line in child.stdout:
            if first is None and line.strip():
                first = time.monotonic() - begun
            lines.append(line)
    if child.returncode != 0 or first is None:
        sys.exit(f"tools/bench: the quickstart of {revision} failed; see {log}")
    # What stands after the table costs milliseconds: a heat map from a file.
    cpu = cpu_of_children() - cpu
    objects = [int(n) for each in (folder / "build/log").glob("*.log") for n in re.findall(r"\[\d+/(\d+)\] ", each.read_text(errors="replace"))[-1:]]
    sys.stdout.write("".join(lines[:24]))
    return {"revision": revision, "cpu_s": round(cpu, 1), "wall_s": round(first, 1), "build_steps": sum(objects)}


def measure(root, before):
    head = subprocess.run(["git", "-C", str(root), "rev-parse", "--short", "HEAD"], capture_output=True, text=True).stdout.strip()
    with tempfile.TemporaryDirectory(prefix="tierd-quickstart-") as scratch:
        now = run(root, head, "now", scratch)
        then = run(root, before or BEFORE, "before", scratch)
    for label, each in (("before", then), ("now", now)):
        print(f"{label:<7} {each['revision']:<10} {each['cpu_s']:>8.1f} s of CPU {each['wall_s']:>8.1f} s to the first table {each['build_steps']:>5} build steps")
    return {"now": now, "before": then, "cpu_ratio": round(now["cpu_s"] / then["cpu_s"], 3), "wall_ratio": round(now["wall_s"] / then["wall_s"], 3)}
