"""The lab's core matrix: what programs get done in a guest second under each tool, beside no tiering, the rivals and the oracle.

Every run is kept with what it was made from under build/bench/lab-core/CELL/TOOL, and made again only where that has changed: a matrix that
was cut off goes on where it stopped.
"""

import concurrent.futures
import hashlib
import json
import math
import os
import pathlib
import re
import shutil
import subprocess
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
OUT = ROOT / "build/bench/lab-core"
RATIOS = ("1to4", "1to8")
CELLS = [f"{load}-{ratio}" for load in ("hotset", "moving", "periodic", "redis", "sqlite", "graph", "stencil") for ratio in RATIOS] + ["postgres-1to4"]
# As damo's script for two tiers (scripts/mem_tier.sh): promote from 5 % accesses on, demote what had none, 200 MB/s each way, goals for the fast node's use.
DAMO = ["rival.damos={goals=true,sample_us=5000,aggr_us=100000,min_regions=10,max_regions=1000,quota_mib_per_s=190,quota_ms_per_s=0,"
        "hot_min_percent=5,cold_max_percent=0,min_age=0}", 'run.kernel="7.2"']
TOOLS = {
    "none": ["rival.tool=none"],
    # DAMOS's own base: it needs a kernel of its own.
    "none-7.2": ["rival.tool=none", 'run.kernel="7.2"'],
    "numab": ["rival.tool=numab"],
    "damos": ["rival.tool=damos", *DAMO],
    "tierd": ["rival.tool=tierd"],
}
# The optimum of a still set by a real placement: the hot set is touched first.
PLACED = {"placed": ["rival.tool=none"]}
# One thing changed at a time, `tools/bench lab-axes`: what the cell's programs get done with tierd against without, and whether that conclusion stands.
NODE0, NODE1 = "{size_mib=256,cpus=[0,1],read_latency_ns=80,read_bandwidth_mib_s=100000}", "{{size_mib={},read_latency_ns={},read_bandwidth_mib_s=20000}}"
HOTSET = '"hotset","--chase","--mib","{}","--hot","60","--hot-percent","90","--seed","{{seed}}","--wait"'
AXES = {
    "as it is": [],
    "1:2": [f"topology.node=[{NODE0},{NODE1.format(512, 240)}]", f"workload.command=[{HOTSET.format(500)}]"],
    "1:16": [f"topology.node=[{NODE0},{NODE1.format(4096, 240)}]", f"workload.command=[{HOTSET.format(3400)}]"],
    "three tiers": [f"topology.node=[{NODE0},{NODE1.format(512, 160)},{NODE1.format(1024, 320)}]", "topology.distances=[[10,15,20],[15,10,20],[20,20,10]]"],
    "small pages": ["run.thp=never"],
    "updates overlap": ['workload.command=["hotset","--mib","850","--hot","60","--hot-percent","90","--seed","{seed}","--wait"]'],
    "no hot set": ['workload.command=["hotset","--chase","--mib","850","--hot","60","--hot-percent","0","--seed","{seed}","--wait"]'],
    "seed 2": ["run.seed=2"],
    "seed 3": ["run.seed=3"],
    "kernel 6.1": ['run.kernel="6.1"'],
    "kernel 7.2": ['run.kernel="7.2"'],
    "streams half as wide": ["core.prefetches=24"],
    "streams twice as wide": ["core.prefetches=96"],
    "store buffer a quarter": ["core.store_buffer=28"],
    "window a half": ["core.window=256"],
    "banks twice as long busy": ["topology.node=[{size_mib=256,cpus=[0,1],read_latency_ns=80,read_bandwidth_mib_s=100000,bank_ns=80},{size_mib=1024,read_latency_ns=240,read_bandwidth_mib_s=20000,bank_ns=80}]"],
    "DDR5 and CXL": ['topology.preset="ddr5-cxl"', "topology.node=[{size_mib=256,cpus=[0,1]},{size_mib=1024}]"],
    "vCPUs with clocks of their own": ["run.vcpu_clocks=own"],
    "two tenants": ['workload.command=["sh","-c","hotset --chase --mib 420 --hot 40 --hot-percent 90 --seed 7 >/dev/null & '
                    'exec hotset --chase --mib 420 --hot 40 --hot-percent 90 --seed {seed} --wait"]', "run.vcpu_clocks=own",
                    'image.binaries=["hotset"]'],
    "all memory fast": ["topology.all_fast=true"],
    "interleaved by weight": ["rival.tool=interleave", 'run.kernel="7.2"'],
}
# What is no cell of the matrix, or a cell on another machine: the scenario, and what differs.
REDIS = ['workload.prepare=["redisload","/tmp/redis.sock","fill","{0}","4000"]', 'workload.driver=["redisload","/tmp/redis.sock","run","{0}","4000","0.99","{{seed}}"]',
         "topology.node=[{1},{2}]"]
ALONE = {
    **{f"stress-ng {method}": ("stress-1to4", [f'workload.command=["/usr/bin/python3","/workloads/stress.py","400","{method}","{operations}"]'])
       for method, operations in (("zero-one", 100000), ("move-inv", 17000), ("rand-set", 14000), ("flip", 33000))},
    **{f"redis at {times} times": ("redis-1to4", [word.format(keys, NODE0, NODE1.format(size, 240)) for word in REDIS])
       for times, keys, size in ((6, 240000, 1792), (12, 480000, 3328))},
    "redis whose keys shift": ("redis-1to4", ['workload.driver=["redisload","/tmp/redis.sock","run","140000","4000","0.99","{seed}","10"]']),
    "LAMMPS": ("lammps-1to4", []),
}
# Packages that only one scenario needs.
PACKAGES = {"lammps-1to4": ("lmp", "lammps")}
STILL = ("hotset-1to4", "hotset-1to8")
RIVALS = ("numab", "damos")
LEVEL = 0.02        # throughputs this near are level
MEMORY_BOUND = 0.3  # share of the time that the program waits for memory without tiering
LEAST_GAIN, LEAST_OF_ORACLE, LEAST_OF_STILL, MOST_LOSS = 1.25, 0.9, 0.95, 0.01


def overrides(cell, name):
    words = list({**TOOLS, **PLACED}[name])
    if name == "placed":
        text = (ROOT / f"tests/lab/scenarios/{cell}.toml").read_text()
        command = next(line for line in text.splitlines() if line.startswith("command = "))
        words.append("workload." + command.replace("command = ", "command=").replace('["hotset", ', '["hotset", "--hot-first", '))
    if cell.startswith("postgres-"):
        import lab_postgres  # noqa: PLC0415
        words.append(lab_postgres.overrides()[1])
    return words


def made_from(build, cell, words, seed):
    """A digest of all that decides the outcome: the run of a guest is a function of it."""
    digest = hashlib.sha256(json.dumps([words, seed]).encode())
    programs = ["tools/tier-lab/tier-lab", "tools/tier-lab/libtier_count.so", "tools/tier-lab/tier-lab-agent", "tests/lab/hotset", "tests/lab/redisload"]
    if any("tierd" in word for word in words):
        programs += ["tierd/daemon/tierd", "tools/tierctl/tierctl"]
    scenario = ROOT / f"tests/lab/scenarios/{cell}.toml"
    named = [ROOT / path for path in re.findall(r'"(tests/[^":]+):/', scenario.read_text())]
    for path in [build / name for name in programs] + [scenario] + named:
        digest.update(path.read_bytes() if path.exists() else b"?")
    return digest.hexdigest()


def folder_of(cell, name, options):
    return OUT / cell / (name if options.seed == 1 else f"{name}-seed{options.seed}")


def run(build, cell, name, options, note, words=None):
    folder = folder_of(cell, name, options)
    words = overrides(cell, name) if words is None else words
    key = made_from(build, cell, words, options.seed)
    result, made = folder / "result.json", folder / "made-from"
    if result.exists() and (options.reuse or (made.exists() and made.read_text() == key)):
        return json.loads(result.read_text())
    program, package = PACKAGES.get(cell, (None, None))
    if program and not shutil.which(program):
        subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", package], check=False, stdout=subprocess.DEVNULL)
    folder.mkdir(parents=True, exist_ok=True)
    result.unlink(missing_ok=True)
    command = [build / "tools/tier-lab/tier-lab", "run", cell, "--out", folder, *(part for word in (f"run.seed={options.seed}", *words) for part in ("--set", word))]
    began = time.monotonic()
    with open(folder / "run.log", "w") as log:
        done = subprocess.run([str(part) for part in command], stdout=log, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL)
    wall = time.monotonic() - began
    if done.returncode != 0 or not result.exists():
        tail = "\n".join((folder / "run.log").read_text().splitlines()[-8:])
        note(f"lab-core: {cell} with {name} failed after {wall:.0f} s:\n{tail}")
        return None
    made.write_text(key)
    whole = json.loads(result.read_text())
    note(f"lab-core: {cell} with {name}: {whole['summary']['progress_per_s'] / 1e6:.3f} million operations a guest second ({wall:.0f} s)")
    return whole


def speed(result):
    """With what a tool takes in the machine's own time: on the slowed clock its seconds come four times as often."""
    return result["summary"]["progress_per_s_tool_cpu_in_machine_time"]


def ledger_saved(result):
    """Seconds of stall that tierd says it saved, costs subtracted; None where it was not asked."""
    for item in result["collected"]:
        if '"io.tierd.status/1"' in item.get("text", ""):
            return json.loads(item["text"])["ledger"]["placed_saved_seconds"]
    return None


def counted_saved(none, tierd):
    """The same by the counts: what these operations would have waited without tiering, less what they waited."""
    n, t = none["summary"], tierd["summary"]
    return n["waited_s"] / n["progress"] * t["progress"] - t["waited_s"]


def judged(cell, results):
    none, tierd = results["none"], results["tierd"]
    base, seconds = speed(none), none["length_s"]
    row = {"cell": cell, "waits": round(none["summary"]["waited_s"] / seconds, 3)}
    for name, result in results.items():
        row[name] = round(speed(result) / base, 4) if result else None
        if result and result["summary"].get("client_latency_us"):
            row.setdefault("client_p99_us", {})[name] = result["summary"]["client_latency_us"]["p99"]
    if results.get("none-7.2") and results.get("damos"):
        row["damos"] = round(speed(results["damos"]) / speed(results["none-7.2"]), 4)
    row["tierd_shared_clock"] = round(tierd["summary"]["progress_per_s"] / none["summary"]["progress_per_s"], 4)
    row["oracle"] = round(max(none["summary"]["oracle_progress_per_s"], tierd["summary"]["oracle_progress_per_s"]) / base, 4)
    row["of_oracle"] = round(row["tierd"] / row["oracle"], 4)
    best = max((name for name in RIVALS if results.get(name)), key=lambda name: row[name], default=None)
    if best:
        row["best_rival"], row["against_best_rival"] = best, round(row["tierd"] / row[best], 4)
    shares, ideal = tierd["periods"]["fast_share"], tierd["periods"]["oracle_share"]
    row["fast_share_at_end"] = round(sum(shares[-3:]) / max(1e-9, sum(ideal[-3:])), 4)
    row["tool_cpu"] = round(tierd["summary"]["tool_cpu_s_per_s"], 4)
    row["moved_mib"] = tierd["summary"]["migrated_mib"]
    saved, counted = ledger_saved(tierd), counted_saved(none, tierd)
    row["ledger_s"], row["counted_s"] = (None if saved is None else round(saved, 2)), round(counted, 2)
    return row


def table(rows):
    head = ("cell", "waits", "none", "numab", "damos", "tierd", "shared", "oracle", "of orc", "best rival", "fast/best", "CPU", "moved", "ledger s", "count s")
    keys = ("cell", "waits", "none", "numab", "damos", "tierd", "tierd_shared_clock", "oracle", "of_oracle", "against_best_rival", "fast_share_at_end", "tool_cpu", "moved_mib",
            "ledger_s", "counted_s")
    def text(value):
        return "-" if value is None else f"{value:.3f}" if isinstance(value, float) else str(value)
    lines = ["".join(f"{word:>11}" if at else f"{word:<14}" for at, word in enumerate(head))]
    for row in rows:
        lines.append("".join(f"{text(row.get(key)):>11}" if at else f"{row['cell']:<14}" for at, key in enumerate(keys)))
    for row in rows:
        if row.get("client_p99_us"):
            lines.append(f"{row['cell']}: 99 of 100 of its client's waits were at most " + ", ".join(f"{us:.0f} us ({name})" for name, us in row["client_p99_us"].items()))
    return "\n".join(lines)


def picture(rows, path):
    """Throughput against no tiering, a group of bars for each cell, the oracle as a mark."""
    colours = {"numab": "#8da0cb", "damos": "#a6d854", "tierd": "#fc8d62"}
    width, high, left, group = 900, 34, 120, 46
    most = max(max(row["oracle"], *(row.get(name) or 0 for name in colours)) for row in rows)
    scale = (width - left - 40) / most
    lines = [f'<svg xmlns="http://www.w3.org/2000/svg" width="{width}" height="{group * len(rows) + 60}" font-family="sans-serif" font-size="12">',
             '<rect width="100%" height="100%" fill="white"/>',
             '<text x="10" y="18">Operations a second, no tiering = 1; the mark is the oracle</text>']
    for at, (name, colour) in enumerate(colours.items()):
        lines.append(f'<rect x="{left + 330 + 90 * at}" y="8" width="12" height="12" fill="{colour}"/><text x="{left + 346 + 90 * at}" y="18">{name}</text>')
    for at, row in enumerate(rows):
        top = 32 + group * at
        lines.append(f'<text x="10" y="{top + 20}">{row["cell"]}</text>')
        for k, (name, colour) in enumerate(colours.items()):
            if row.get(name):
                lines.append(f'<rect x="{left}" y="{top + k * high / 3:.1f}" width="{row[name] * scale:.1f}" height="{high / 3 - 1:.1f}" fill="{colour}"/>')
        for value, stroke in ((1, "#999"), (row["oracle"], "#000")):
            lines.append(f'<line x1="{left + value * scale:.1f}" x2="{left + value * scale:.1f}" y1="{top - 2}" y2="{top + high + 2}" stroke="{stroke}" stroke-width="2"/>')
    path.write_text("\n".join([*lines, "</svg>"]) + "\n")


def mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values)) if values else None


def measure(build, options, note):
    cells = options.only.split(",") if options.only else CELLS
    unknown = [cell for cell in cells if cell not in CELLS]
    if unknown:
        raise SystemExit(f"tools/bench: lab-core has no cell {unknown[0]} (they are: {' '.join(CELLS)})")
    wanted = [(cell, name) for cell in cells for name in [*TOOLS, *(["placed"] if cell in STILL else [])]]
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        jobs = {(cell, name): pool.submit(run, build, cell, name, options, note) for cell, name in wanted}
        results = {at: job.result() for at, job in jobs.items()}
    rows = []
    for cell in cells:
        of_cell = {name: result for (where, name), result in results.items() if where == cell}
        if of_cell.get("none") and of_cell.get("tierd"):
            rows.append(judged(cell, of_cell))
    missing = [f"{cell}/{name}" for (cell, name), result in results.items() if result is None]
    if not rows:
        raise SystemExit("tools/bench: no cell has both runs, without tiering and with tierd")
    print(table(rows))
    picture(rows, OUT / "lab-core.svg")
    print(f"picture: {os.path.relpath(OUT / 'lab-core.svg')}")
    behind = [row["cell"] for row in rows if row.get("against_best_rival", 1) < 1 - LEVEL]
    bound = [row["against_best_rival"] for row in rows if row["waits"] >= MEMORY_BOUND and "against_best_rival" in row]
    gain, worst = mean(bound), min(row["tierd"] for row in rows)
    of_oracle = min(row["of_oracle"] - (LEAST_OF_STILL - LEAST_OF_ORACLE if row["cell"] in STILL else 0) for row in rows)
    holds = not missing and not behind and bool(bound) and gain >= LEAST_GAIN and of_oracle >= LEAST_OF_ORACLE and worst >= 1 - MOST_LOSS
    return {"name": "lab-core", "value": gain and round(gain, 4), "unit": "of the best rival's operations a second, geometric mean of the cells that wait for memory",
            "target": f">= {LEAST_GAIN}; behind no rival by {LEVEL:.0%}; >= {LEAST_OF_ORACLE} of the oracle, {LEAST_OF_STILL} on still sets; never below {1 - MOST_LOSS} of none",
            "holds": holds, "behind": behind, "worst_against_none": worst, "mean_of_oracle": round(sum(row["of_oracle"] for row in rows) / len(rows), 4),
            "worst_of_oracle": min(row["of_oracle"] for row in rows), "failed": missing, "cells": rows}


def axes(build, options, note):
    """One axis at a time on the still and the unordered load: does what tierd does for a program depend on what the lab assumes? And what is no cell of the matrix."""
    names = options.only.split(",") if options.only else [*AXES, *ALONE]
    unknown = [name for name in names if name not in AXES and name not in ALONE]
    if unknown:
        raise SystemExit(f"tools/bench: lab-axes has no axis {unknown[0]} (they are: {', '.join([*AXES, *ALONE])})")
    def cells_of(name):
        if name in ALONE:
            return (ALONE[name][0],)
        return ("hotset-1to4",) if any(word.startswith(("workload.", "topology.node=")) for word in AXES[name]) else ("hotset-1to4", "stencil-1to4")
    wanted = [(cell, name, tool) for name in names for cell in cells_of(name) for tool in ("none", "tierd")
              if tool == "none" or name not in ("all memory fast", "interleaved by weight")]
    def one(cell, name, tool):
        words = [*TOOLS[tool], *(ALONE[name][1] if name in ALONE else AXES[name])]
        return run(build, cell, "axis-" + re.sub("[^a-z0-9.]+", "-", name.lower().replace(":", "to")) + "-" + tool, options, note, words)
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        jobs = {at: pool.submit(one, *at) for at in wanted}
        results = {at: job.result() for at, job in jobs.items()}
    print(f"{'axis':<32}{'cell':<14}{'Mops/s':>10}{'tierd':>10}{'of oracle':>11}")
    rows = []
    for cell, name, tool in wanted:
        none, tierd = results[(cell, name, "none")], results.get((cell, name, "tierd"))
        if tool != "none" or none is None:
            continue
        gain = speed(tierd) / speed(none) if tierd else None
        of_oracle = speed(tierd) / none["summary"]["oracle_progress_per_s"] if tierd else None
        rows.append({"axis": name, "cell": cell, "operations_per_s": speed(none), "tierd": gain and round(gain, 4), "of_oracle": of_oracle and round(of_oracle, 4)})
        print(f"{name:<32}{cell:<14}{speed(none) / 1e6:>10.3f}{'-' if gain is None else f'{gain:.3f}':>10}{'-' if of_oracle is None else f'{of_oracle:.3f}':>11}")
    gains = [row["tierd"] for row in rows if row["tierd"]]
    if not gains:
        raise SystemExit("tools/bench: no axis has both runs")
    failed = [f"{cell}/{name}/{tool}" for (cell, name, tool), result in results.items() if result is None]
    return {"name": "lab-axes", "value": min(gains), "unit": "of none's operations a second, the worst axis", "target": f">= {1 - MOST_LOSS}",
            "holds": not failed and min(gains) >= 1 - MOST_LOSS, "failed": failed, "rows": rows}
