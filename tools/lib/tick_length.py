"""How long a tick should be: tierd's own choice against ticks of one length, by samples a second and memory in use."""

import concurrent.futures

from policy_caution import lost
from sample_worth import Cases, head, show

RATES, LENGTHS = (150, 300, 1330, 2000), (0.25, 0.5, 1, 2)  # samples a second; seconds
# With so much memory samples are few for each region that is asked for. The whole fast tier is in use at 1:8.
LARGE = ("gups-moving:footprint=16GiB,length=120s,period=40s", "zipf:footprint=16GiB,length=120s,threads=16")


def closed_large(build, pool, rate, settings, seed):
    """Share of the gap to the better oracle, in percent, over both loads."""
    cells = [(workload, policy) for workload in LARGE for policy in ("none", "epoch-oracle", "static-oracle", "tierd")]
    found = list(pool.map(lambda cell: lost(build, cell[0], "ddr5-cxl", 8, cell[1], seed, (*settings, f"samples_per_second={rate}") if cell[1] == "tierd" else ()), cells))
    none, oracle, tierd = (sum(values) for values in (found[0::4], [min(pair) for pair in zip(found[1::4], found[2::4])], found[3::4]))
    return round(100 * (none - tierd) / (none - oracle), 1)


def measure(build, options, note):
    rows = []
    with concurrent.futures.ThreadPoolExecutor(max_workers=options.jobs) as pool:
        suite = Cases(build, "closed-loop", pool)
        note(f"tick-length: {len(suite.cases)} cases of 2 GiB and two of 16 GiB, {len(RATES)} sampling rates, {len(LENGTHS)} lengths and tierd's choice (five minutes)")
        head("samples/s", "tick, s", "16 GiB")
        for rate in RATES:
            for length in ("chosen", *LENGTHS):
                settings = () if length == "chosen" else (f"interval_s={length}", f"longest_s={length}")
                closed = suite.closed(suite.run("tierd", options.seed, (f"samples_per_second={rate}", *settings)))
                rows.append({"samples/s": rate, "tick, s": length, "16 GiB": closed_large(build, pool, rate, settings, options.seed), **closed})
                show(rows[-1], "samples/s", "tick, s", "16 GiB")

    def mean(length, rate):
        row = next(row for row in rows if row["tick, s"] == length and row["samples/s"] == rate)
        return (row["mean"] + row["16 GiB"]) / 2

    behind = max(max(mean(length, rate) for length in LENGTHS) - mean("chosen", rate) for rate in RATES)
    return {"name": "tick-length", "value": round(behind, 2), "unit": "points of the gap closed (mean of both memory sizes) that tierd's choice is behind the best single length for that sampling rate, worst rate",
            "target": "<= 1", "holds": behind <= 1, "rows": rows}
