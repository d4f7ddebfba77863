"""What the samples of a fixed budget earn: the gap to the better oracle that tierd closes at the rates that two builds get for 1 % of a CPU."""

import concurrent.futures
import pathlib
import tomllib

from policy_caution import lost, workloads

SUITES = pathlib.Path(__file__).resolve().parent.parent / "tier-sim/suites"
# Samples of use a second for 1 % of a CPU, of the build of 2026-11-28 and of that of 2026-12-01 (sampling-rate, docs/benchmarks.md):
# the geometric mean of five programs, and the compiler, the least of them.
RATES = {"mean program": (412, 1330), "compiler": (307, 593)}
LEAST_GAP = 0.01  # of the time lost without tiering: below it there is nothing to close


def cases_of(name):
    suite = tomllib.loads((SUITES / f"{name}.toml").read_text())
    # The recorded corpus is made by tools/record-workloads; where it is missing workloads() names no trace.
    return [(workload, machine, ratio) for machine in suite["machines"] for ratio in suite["ratios"] for workload in workloads(suite)]


def measure(build, options, note):
    rows = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        for name in ("closed-loop", "full"):
            cases = cases_of(name)
            note(f"sample-worth: {name}, {len(cases)} cases, four sampling rates")
            none = list(pool.map(lambda case: lost(build, *case, "none"), cases))
            oracle = list(pool.map(lambda case: min(lost(build, *case, policy) for policy in ("epoch-oracle", "static-oracle")), cases))
            for program, rates in RATES.items():
                row = {"suite": name, "cases": len(cases), "program": program}
                for when, rate in zip(("before", "now"), rates):
                    tierd = list(pool.map(lambda case: lost(build, *case, "tierd", options.seed, (f"samples_per_second={rate}",)), cases))
                    gaps = [(a - c) / (a - b) for a, b, c in zip(none, oracle, tierd) if a - b > LEAST_GAP * a]
                    row[when] = {"samples_per_second": rate, "pooled": round(100 * (sum(none) - sum(tierd)) / (sum(none) - sum(oracle)), 1),
                                 "mean": round(100 * sum(gaps) / len(gaps), 1), "worst": round(100 * min(gaps), 1), "judged": len(gaps),
                                 "slowest": round(100 * max(c / a - 1 for a, c in zip(none, tierd)), 1)}
                rows.append(row)
                note("  " + ", ".join(f"{row[when]['samples_per_second']}/s: pooled {row[when]['pooled']} %, mean {row[when]['mean']} %, worst {row[when]['worst']} %" for when in ("before", "now")))
    print(f"{'suite':<14}{'program':<14}{'samples/s':>10}{'pooled':>9}{'mean':>8}{'worst':>8}{'slowest':>9}")
    for row in rows:
        for when in ("before", "now"):
            each = row[when]
            print(f"{row['suite']:<14}{row['program']:<14}{each['samples_per_second']:>10}{each['pooled']:>8.1f}%{each['mean']:>7.1f}%{each['worst']:>7.1f}%{each['slowest']:>+8.1f}%")
    gain = min(row["now"]["pooled"] - row["before"]["pooled"] for row in rows)
    return {"name": "sample-worth", "value": round(gain, 2), "unit": "points of the pooled gap that the samples of 1 % of a CPU close beyond those of the build of 2026-11-28, the worst row",
            "target": ">= 0", "holds": gain >= 0, "rows": rows}
