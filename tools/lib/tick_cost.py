"""What a whole tick of tierd costs (places, snapshot, scores, forecast, plan, and the samples in it), of this build and of another, in turns on the
same simulated load: user CPU time of `tier-sim run` under tierd less that of the same machine under no policy. Read by tools/bench."""

import json
import os
import subprocess
import sys

GIB = 100
TICKS = 120  # nominal seconds of the workload, a tick each; most runs take longer, so the modelled time is what is divided by
WORKLOAD = f"gups-moving:footprint={GIB * 1024}MiB,length={TICKS}s"
LOADS = {"200 samples/s": 200, "2,000 samples/s": 2000}  # thin, as small programs and stingy budgets are; and what the daemon takes at most
ROUNDS = 6  # the least of each counts: whatever else runs on the machine only adds


def run(build, policy, rate):
    """CPU seconds of one run in user mode, and what it came to."""
    command = [str(build / "tools/tier-sim/tier-sim"), "run", WORKLOAD, "--policy", policy, "--json"]
    if policy != "none":
        command += ["--set", f"samples_per_second={rate}"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        text = child.stdout.read()
        _, status, usage = os.wait4(child.pid, 0)
        child.returncode = os.waitstatus_to_exitcode(status)
    if child.returncode != 0:
        sys.exit(f"tools/bench: {' '.join(command[:3])} … failed")
    return usage.ru_utime, json.loads(text)["outcome"]


def measure(builds):
    """By load and by build (a name and a folder): milliseconds a tick, and what the programs lost in that run."""
    out = {}
    for load, rate in LOADS.items():
        least = {}
        for _ in range(ROUNDS):
            for name, build in builds.items():
                for policy in ("none", "tierd"):
                    cpu, outcome = run(build, policy, rate)
                    if (name, policy) not in least or cpu < least[name, policy][0]:
                        least[name, policy] = cpu, outcome
        out[load] = {}
        for name in builds:
            alone, (cpu, outcome) = least[name, "none"][0], least[name, "tierd"]
            out[load][name] = {"ms": round(1e3 * (cpu - alone) / outcome["modelled_s"], 3), "lost_s": round(outcome["stall_s"] + outcome["interference_s"], 1),
                               "modelled_s": round(outcome["modelled_s"], 1)}
            print(f"{load:<16} {name:<7} {out[load][name]['ms']:8.3f} ms a tick, {out[load][name]['lost_s']:9.1f} thread-seconds lost in "
                  f"{out[load][name]['modelled_s']:.1f} s", flush=True)
    return out
