"""What a comparison's tables (`tier-sim report --json`) say of tierd beside the best fair rival."""


def ours_and_best_rival(rows):
    """A table's row of tierd as installed, and of the policy that loses least of those that are not tierd's and do not know the future."""
    ours = next(row for row in rows if row["policy"] == "tierd")
    # One that lacks cases loses less for it.
    rivals = [row for row in rows if not row["oracle"] and not row["policy"].startswith("tierd") and row["cases"] == ours["cases"]]
    return ours, min(rivals, key=lambda row: row["lost_s"])


def leads(summary):
    """Of each machine and sampling rate: the pooled gap in percent of tierd and of the best rival, and how many points lie between."""
    found = []
    tables = summary["tables"]
    by_machine = [table for table in tables if table["machine"] is not None]
    for table in by_machine or tables:  # with one machine there is its table alone
        ours, best = ours_and_best_rival(table["policies"])
        found.append({"machine": table["machine"], "samples_per_second": table["samples_per_second"], "tierd": round(100 * ours["gap_pooled"], 1),
                      "best_rival": best["policy"], "rival": round(100 * best["gap_pooled"], 1), "lead": round(100 * (ours["gap_pooled"] - best["gap_pooled"]), 2)})
    return found
