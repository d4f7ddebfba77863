"""CPU time of a full build of the dev preset without a compiler cache, of this revision and of another. Read by tools/bench."""

import os
import pathlib
import subprocess
import sys
import tempfile

from quickstart_time import clone, cpu_of_children

BEFORE = "6a1b268"  # before common headers were precompiled and tests compiled without optimisation


def minutes(root, revision, label, scratch):
    """CPU minutes, configuring included, and the number of compiled objects."""
    folder = pathlib.Path(scratch) / label
    clone(root, revision, folder)
    environment = {**os.environ, "CCACHE_DISABLE": "1"}
    log = root / f"build/bench/build-cost/{label}.log"
    log.parent.mkdir(parents=True, exist_ok=True)
    sys.stderr.write(f"build-cost: {label} ({revision}), ten minutes or more; its progress: {log}\n")
    begun = cpu_of_children()
    with open(log, "w") as sink:
        for command in (["cmake", "--preset", "dev"], ["cmake", "--build", "--preset", "dev"]):
            if subprocess.run(command, cwd=folder, stdout=sink, stderr=sink, env=environment).returncode != 0:
                sys.exit(f"tools/bench: {revision} does not build, see {log}")
    return {"cpu_minutes": round((cpu_of_children() - begun) / 60, 1), "objects": sum(1 for _ in (folder / "build/dev").rglob("*.o"))}


def measure(root, before):
    with tempfile.TemporaryDirectory() as scratch:
        now = minutes(root, "HEAD", "now", scratch)
        earlier = minutes(root, before or BEFORE, "before", scratch)
    return {"now": now, "before": {"revision": before or BEFORE, **earlier}, "ratio": round(now["cpu_minutes"] / earlier["cpu_minutes"], 2)}
