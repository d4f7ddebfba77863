"""What evidence earns in the closed loop: the samples that two builds get for 1 % of a CPU, and accessed bits beside samples."""

import concurrent.futures
import pathlib
import tomllib

from policy_caution import lost, workloads

SUITES = pathlib.Path(__file__).resolve().parent.parent / "tier-sim/suites"
# Samples of use a second for 1 % of a CPU, of the build of 2026-11-28 and of that of 2026-12-01 (sampling-rate, docs/benchmarks.md):
# the geometric mean of five programs, and the compiler, the least of them.
RATES = {"mean program": (412, 1330), "compiler": (307, 593)}
BITS_RATES, BITS_EVERY = (150, 300, 1330), (0, 2, 5, 20)  # samples a second; seconds, 0: never
FEW = 300  # samples a second
LEAST_GAP = 0.01  # of the time lost without tiering: below it there is nothing to close


class Cases:
    """A suite's cases, with what is lost to no tiering and to the better oracle."""

    def __init__(self, build, name, pool):
        self.build, self.pool = build, pool
        suite = tomllib.loads((SUITES / f"{name}.toml").read_text())
        # The recorded corpus is made by tools/record-workloads; where it is missing workloads() names none of it.
        self.cases = [(workload, machine, ratio) for machine in suite["machines"] for ratio in suite["ratios"] for workload in workloads(suite)]
        self.none = self.run("none")
        self.oracle = [min(pair) for pair in zip(self.run("epoch-oracle"), self.run("static-oracle"))]

    def run(self, policy, seed=1, settings=()):
        return list(self.pool.map(lambda case: lost(self.build, *case, policy, seed, settings), self.cases))

    def closed(self, tierd):
        gaps = [(a - c) / (a - b) for a, b, c in zip(self.none, self.oracle, tierd) if a - b > LEAST_GAP * a]
        return {"pooled": round(100 * (sum(self.none) - sum(tierd)) / (sum(self.none) - sum(self.oracle)), 1), "mean": round(100 * sum(gaps) / len(gaps), 1),
                "worst": round(100 * min(gaps), 1), "judged": len(gaps), "slowest": round(100 * max(c / a - 1 for a, c in zip(self.none, tierd)), 1)}


def show(row, *names):
    print("".join(f"{row[name]!s:>16}" for name in names) + f"{row['pooled']:>8.1f}%{row['mean']:>7.1f}%{row['worst']:>7.1f}%{row['slowest']:>+8.1f}%", flush=True)


def head(*names):
    print("".join(f"{name:>16}" for name in names) + f"{'pooled':>9}{'mean':>8}{'worst':>8}{'slowest':>9}", flush=True)


def measure(build, options, note):
    rows = []
    head("suite", "program", "samples/s")
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        for name in ("closed-loop", "full"):
            note(f"sample-worth: {name}, four sampling rates")
            suite = Cases(build, name, pool)
            for program, rates in RATES.items():
                for rate in rates:
                    closed = suite.closed(suite.run("tierd", options.seed, (f"samples_per_second={rate}",)))
                    rows.append({"suite": name, "cases": len(suite.cases), "program": program, "samples/s": rate, **closed})
                    show(rows[-1], "suite", "program", "samples/s")
    gain = min(after["pooled"] - before["pooled"] for before, after in zip(rows[::2], rows[1::2]))
    return {"name": "sample-worth", "value": round(gain, 2), "unit": "points of the pooled gap that the samples of 1 % of a CPU close beyond those of the build of 2026-11-28, the worst row",
            "target": ">= 0", "holds": gain >= 0, "rows": rows}


def measure_bits(build, options, note):
    rows = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        suite = Cases(build, "closed-loop", pool)
        note(f"accessed-bits: {len(suite.cases)} cases, {len(BITS_RATES)} sampling rates, bits looked at every {BITS_EVERY} s")
        head("samples/s", "every, s")
        for rate in BITS_RATES:
            for every in BITS_EVERY:
                closed = suite.closed(suite.run("tierd", options.seed, (f"samples_per_second={rate}", f"bits_every_s={every}")))
                rows.append({"samples/s": rate, "every, s": every, **closed})
                show(rows[-1], "samples/s", "every, s")
    gains = [rows[i + 1]["pooled"] - rows[i]["pooled"] for i in range(0, len(rows), len(BITS_EVERY))]
    few = min(gain for rate, gain in zip(BITS_RATES, gains) if rate <= FEW)
    return {"name": "accessed-bits", "value": round(few, 2), "unit": f"points of the pooled gap that accessed bits every {BITS_EVERY[1]} s close beyond at most {FEW} samples a second alone, the least of them",
            "target": ">= 0.5", "holds": few >= 0.5, "rows": rows}
