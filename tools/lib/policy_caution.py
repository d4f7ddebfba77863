"""What the forecast's uncertainty should count for in a promotion: the closed loop's workloads, by samples a second and caution."""

import concurrent.futures
import json
import pathlib
import subprocess
import tomllib

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
SUITE = ROOT / "tools/tier-sim/suites/closed-loop.toml"
CAUTIONS, RATES, SEEDS = (1.0, 0.75, 0.5, 0.0), (150, 300, 2000), (1, 2)
DEFAULT = 0.5  # policy.h
MOST_BEHIND = 0.7  # points of the gap that the default may be behind the best


def workloads(suite):
    for text in suite["workloads"]:
        if not text.startswith("trace"):
            yield text
            continue
        kind, pattern = text.split(":", 1)
        yield from (f"{kind}:{path}" for path in sorted((SUITE.parent / pattern).resolve().parent.glob(pathlib.Path(pattern).name)))


def lost(build, workload, machine, ratio, policy, seed=1, settings=()):
    """Thread-seconds lost to waiting and to the policy's own work."""
    words = [build / "tools/tier-sim/tier-sim", "run", workload, "--machine", machine, "--ratio", ratio, "--policy", policy, "--seed", seed, "--json"]
    words += [part for setting in settings for part in ("--set", setting)]
    return json.loads(subprocess.run([str(word) for word in words], stdout=subprocess.PIPE, check=True, text=True).stdout)["outcome"]["lost_s"]


def measure(build, options, note):
    suite = tomllib.loads(SUITE.read_text())
    cases = [(workload, machine, ratio) for machine in suite["machines"] for ratio in suite["ratios"] for workload in workloads(suite)]
    note(f"policy-caution: {len(cases)} cases, {len(CAUTIONS)} cautions, {len(RATES)} sampling rates, {len(SEEDS)} seeds (a minute)")
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        none = list(pool.map(lambda case: lost(build, *case, "none"), cases))
        oracle = list(pool.map(lambda case: min(lost(build, *case, policy) for policy in ("epoch-oracle", "static-oracle")), cases))
        rows = []
        for rate in RATES:
            for caution in CAUTIONS:
                settings = (f"samples_per_second={rate}", f"promotion_caution={caution}")
                tierd = list(pool.map(lambda case: sum(lost(build, *case, "tierd", seed, settings) for seed in SEEDS) / len(SEEDS), cases))
                gaps = [(a - c) / (a - b) for a, b, c in zip(none, oracle, tierd) if a - b > 0.01 * a]
                rows.append({"samples_per_second": rate, "caution": caution, "pooled": 100 * (sum(none) - sum(tierd)) / (sum(none) - sum(oracle)),
                             "mean": 100 * sum(gaps) / len(gaps), "worst": 100 * min(gaps), "slowest": 100 * max(c / a - 1 for a, c in zip(none, tierd))})
    print(f"gap to the better oracle closed, {len(cases)} cases\n{'samples/s':>10}{'caution':>9}{'pooled':>9}{'mean':>8}{'worst':>8}{'slowest':>9}")
    for row in rows:
        print(f"{row['samples_per_second']:>10}{row['caution']:>9}{row['pooled']:>8.1f}%{row['mean']:>7.1f}%{row['worst']:>7.1f}%{row['slowest']:>+8.1f}%")
    behind = max(max(row["pooled"] for row in rows if row["samples_per_second"] == rate) -
                 next(row["pooled"] for row in rows if row["samples_per_second"] == rate and row["caution"] == DEFAULT) for rate in RATES)
    return {"name": "policy-caution", "value": round(behind, 2), "unit": f"points of the pooled gap that a caution of {DEFAULT}, the default, is behind the best of {len(CAUTIONS)}, the worst rate",
            "target": f"<= {MOST_BEHIND}", "holds": behind <= MOST_BEHIND, "rows": rows}
