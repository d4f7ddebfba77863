#!/usr/bin/env python3
"""What watching processes costs: this build's tierd, and another one beside it, under the same loads in one run.

  scan.py --build FOLDER [--before TIERD] [--parts NAME,…] [--json FILE]

--before names the tierd program of another build. Each part starts a load, then each daemon in turn in observe mode, without
prefetch control, with a socket and folders of its own. CPU is that of the daemon as the kernel counts it (/proc/PID/schedstat),
less what the same daemon uses without the load.
"""

import argparse
import contextlib
import json
import os
import pathlib
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

LOOK_TICKS = 5  # a full look was made this often before; "a look" below is what looking costs in so many ticks


def note(text):
    sys.stderr.write(text + "\n")


class Load:
    """A running load; ends with the block."""

    def __init__(self, program, *arguments):
        self.child = subprocess.Popen([str(program), *map(str, arguments)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)

    def __enter__(self):
        if self.child.stdout.readline().strip() != "ready":
            sys.exit(f"scan.py: {self.child.args} did not become ready")
        return self

    def __exit__(self, *_):
        self.child.stdin.close()
        self.rest = self.child.stdout.read()
        self.child.wait()

    def lines(self):
        return [line.split() for line in self.rest.splitlines()]


class Daemon:
    """tierd in observe mode with a configuration of its own."""

    def __init__(self, program, name, targets):
        self.program, self.name, self.targets = program, name, targets

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory(prefix="process-scan-")
        folder = pathlib.Path(self.folder.name)
        self.socket = str(folder / "control")
        known = subprocess.run([str(self.program), "--version"], capture_output=True, text=True)
        if known.returncode != 0:
            sys.exit(f"scan.py: {self.program} does not run (fix: build it)")
        config = folder / "tierd.toml"
        config.write_text(
            f'[targets]\n{self.targets}\n[sampling]\nsource = "stall"\n[control]\nsocket = "{self.socket}"\n'
            f'[prefetch]\njournal = "{folder}/journal"\n[log]\nlevel = "error"\n')
        environment = dict(os.environ, RUNTIME_DIRECTORY=str(folder), STATE_DIRECTORY=str(folder))
        self.log = open(folder / "log", "w+")
        self.child = subprocess.Popen([str(self.program), "--config", str(config)], stdout=self.log, stderr=self.log, env=environment)
        self.started = time.monotonic()
        return self

    def __exit__(self, *_):
        self.child.send_signal(signal.SIGTERM)
        try:
            self.child.wait(timeout=60)
        except subprocess.TimeoutExpired:
            self.child.kill()
            self.child.wait()
        self.log.close()
        self.folder.cleanup()

    def cpu(self):
        """Seconds, all threads."""
        total = 0
        for task in pathlib.Path(f"/proc/{self.child.pid}/task").iterdir():
            with contextlib.suppress(FileNotFoundError):
                total += int((task / "schedstat").read_text().split()[0])
        return total * 1e-9

    def call(self, method, timeout=120, **parameters):
        """The reply's parameters; None while the daemon does not answer."""
        link = socket.socket(socket.AF_UNIX)
        link.settimeout(timeout)
        try:
            link.connect(self.socket)
            link.sendall(json.dumps({"method": f"io.tierd.Control.{method}", "parameters": parameters}).encode() + b"\0")
            text = b""
            while not text.endswith(b"\0"):
                part = link.recv(1 << 16)
                if not part:
                    return None
                text += part
            return json.loads(text[:-1])["parameters"]
        except OSError:
            return None
        finally:
            link.close()

    def wait_ticks(self, count, limit=180):
        """Waits for so many ticks; the status then."""
        until = time.monotonic() + limit
        while time.monotonic() < until:
            if self.child.poll() is not None:
                self.log.seek(0)
                sys.exit(f"scan.py: {self.name} ended: {self.log.read()[-500:]}")
            status = self.call("Status")
            if status and status["ticks"] >= count:
                return status
            time.sleep(0.2)
        return None

    def cpu_per_second(self, seconds):
        """CPU seconds in a second from now on. Steady state: call it some ticks after the start."""
        before, began = self.cpu(), time.monotonic()
        time.sleep(seconds)
        return (self.cpu() - before) / (time.monotonic() - began)


def steady(program, name, targets, seconds, first=40):
    """By then everybody's mappings have been read, and all places asked for, once."""
    with Daemon(program, name, targets) as daemon:
        status = daemon.wait_ticks(first)
        return daemon.cpu_per_second(seconds), status


def named(name):
    return f'executables = ["{name}"]'


def alone(daemons, seconds):
    """CPU a second of each daemon that watches nothing and finds nothing new."""
    return {name: steady(program, name, named("no-such-program"), seconds)[0] for name, program in daemons.items()}


def idle_processes(daemons, load, options):
    """A full look at 10,000 idle processes."""
    nothing = alone(daemons, options.seconds)
    with Load(load, "idle", 10000, 0):
        busy = alone(daemons, options.seconds)
        first = {}
        for name, program in daemons.items():
            with Daemon(program, name, named("no-such-program")) as daemon:
                status = daemon.wait_ticks(1)
                first[name] = (status or {}).get("worst_tick_seconds", (status or {}).get("tick_work_seconds"))
    return {name: {"look_cpu_ms": 1e3 * LOOK_TICKS * max(busy[name] - nothing[name], 0), "first_tick_s": first[name]} for name in daemons}


def watched_processes(daemons, load, options):
    """1,000 watched idle processes (an older build watches 256 at most)."""
    nothing = alone(daemons, options.seconds)
    out = {}
    with Load(load, "idle", 1000, 1):
        for name, program in daemons.items():
            limit = "\nlimit = 1000" if name == "now" else ""
            share, status = steady(program, name, named("process-load") + limit, options.seconds)
            out[name] = {"cpu_share": max(share - nothing[name], 0), "watched": status["targets"] if status else None}
    return out


def matching_processes(daemons, load, options):
    """400 processes that match, more than the limit, of sizes that change: who is said to have exited and has not. The build before says so of everybody it replaces."""
    out = {}
    with Load(load, "fluctuate", 400, 4):
        for name, program in daemons.items():
            with Daemon(program, name, named("process-load") + ("\nlimit = 256" if name == "now" else "")) as daemon:
                daemon.wait_ticks(3)
                since, false_exits, replaced = 0, 0, 0
                until = time.monotonic() + options.exits_seconds
                while time.monotonic() < until:
                    reply = daemon.call("Events", since=since) or {"events": [], "next": since}
                    since = reply["next"]
                    gone = [event for event in reply["events"] if event["kind"] == "target-gone" and os.path.exists(f"/proc/{event['pid']}")]
                    false_exits += sum("exited" in event["message"] for event in gone)
                    replaced += len(gone)
                    time.sleep(1)
                out[name] = {"false_exits": false_exits, "replaced": replaced, "seconds": options.exits_seconds}
    return out


def sharers(daemons, load, options):
    """100 processes that share 1 GiB."""
    out = {}
    with Load(load, "share", 100, 1024):
        for name, program in daemons.items():
            with Daemon(program, name, named("process-load")) as daemon:
                worst, status = 0, None
                until = time.monotonic() + options.seconds + 25
                while time.monotonic() < until:
                    status = daemon.call("Status", timeout=60) or status
                    if status:
                        worst = max(worst, status.get("worst_tick_seconds", 0), status["tick_work_seconds"])
                    time.sleep(0.2)
                out[name] = {"worst_tick_s": worst, "managed_gib": status["managed_bytes"] / 2**30 if status else None}
    return out


def many_mappings(daemons, load, options):
    """65,000 mappings, of which 5,000 a second go and come."""
    nothing = alone(daemons, options.seconds)
    out = {}
    with Load(load, "mappings", 65000):
        for name, program in daemons.items():
            share, _ = steady(program, name, named("process-load"), options.seconds)
            out[name] = {"cpu_share": max(share - nothing[name], 0)}
    return out


def worst_of_slices(lines, begin, end):
    return [int(ns) for at, ns in lines if begin <= float(at) < end]


def quantile(values, q):
    return statistics.quantiles(values, n=100, method="inclusive")[q - 1]


def own_mmap(daemons, load, options):
    """The worst mmap call in each 50 ms of a program of 4 GiB with one locked page: with each daemon, just started, and without."""
    spans = {name: [] for name in (*daemons, "without")}
    with Load(load, "mmap-times", options.mmap_mib) as running:
        for _ in range(options.pairs):
            for name, program in (*daemons.items(), ("without", None)):
                if program is None:
                    begin = time.monotonic()
                    time.sleep(options.mmap_seconds)
                    spans[name].append((begin, time.monotonic()))
                    continue
                with Daemon(program, name, named("process-load")) as daemon:
                    daemon.wait_ticks(1)
                    begin = daemon.started
                    time.sleep(options.mmap_seconds)
                    spans[name].append((begin, time.monotonic()))
    lines = running.lines()
    worst = {name: [ns for begin, end in each for ns in worst_of_slices(lines, begin, end)] for name, each in spans.items()}
    out = {}
    for name in daemons:
        out[name] = {"median_ratio": statistics.median(worst[name]) / statistics.median(worst["without"]),
                     "p99_ratio": quantile(worst[name], 99) / quantile(worst["without"], 99),
                     "worst_ms": max(worst[name]) * 1e-6, "worst_without_ms": max(worst["without"]) * 1e-6, "slices": len(worst[name])}
    return out


PARTS = {
    "idle": (idle_processes, "a full look at 10,000 idle processes", "look_cpu_ms", "ms of CPU", 5),
    "watched": (watched_processes, "1,000 watched idle processes", "cpu_share", "of one CPU", 0.002),
    "matching": (matching_processes, "400 processes that match", "false_exits", "false exits", 0),
    "sharers": (sharers, "100 processes that share 1 GiB", "worst_tick_s", "s, the longest tick", 0.2),
    "mappings": (many_mappings, "65,000 mappings with churn", "cpu_share", "of one CPU", 0.01),
    "mmap": (own_mmap, "the target's own worst mmap, with against without", "p99_ratio", "ratio at the 99th percentile", 1.5),
}


def holds(part, figures):
    """Every bound of a part, not only the one that its line shows."""
    _, _, key, _, most = PARTS[part]
    good = figures[key] is not None and figures[key] <= most
    if part == "sharers":
        good = good and figures["managed_gib"] is not None and 0.9 <= figures["managed_gib"] <= 1.1
    if part == "mmap":
        good = good and figures["median_ratio"] <= 1.1
    if part == "watched":
        good = good and figures["watched"] == 1000
    return good


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", type=pathlib.Path, required=True)
    parser.add_argument("--before", type=pathlib.Path, help="the tierd program of another build")
    parser.add_argument("--parts", default=",".join(PARTS))
    parser.add_argument("--seconds", type=float, default=30, help="of each steady measurement")
    parser.add_argument("--exits-seconds", type=float, default=300)
    parser.add_argument("--pairs", type=int, default=8)
    parser.add_argument("--mmap-seconds", type=float, default=10)
    parser.add_argument("--mmap-mib", type=int, default=4096)
    options = parser.parse_args()
    daemons = {"now": options.build / "tierd/daemon/tierd"}
    if options.before:
        daemons["before"] = options.before
    load = options.build / "tools/process-bench/process-load"
    result, good = {}, True
    for part in options.parts.split(","):
        measure, text, key, unit, most = PARTS[part]
        note(f"process-scan: {text} …")
        result[part] = measure(daemons, load, options)
        ok = holds(part, result[part]["now"])
        good = good and ok
        row = "  ".join(f"{name} {figures[key]:.4g}" if figures[key] is not None else f"{name} –" for name, figures in result[part].items())
        print(f"{text:<52} {row}  {unit}, at most {most}: {'holds' if ok else 'MISSED'}", flush=True)
    print(json.dumps({"holds": good, **result}))
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
