#!/usr/bin/env python3
"""Whom tierd is set against in a comparison's tables, and where."""

import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import honest  # noqa: E402


def row(policy, lost, cases=2, oracle=False):
    return {"policy": policy, "lost_s": lost, "cases": cases, "oracle": oracle, "gap_pooled": (200 - lost) / 100}


def table(machine, *rows, rate=150):
    return {"machine": machine, "samples_per_second": rate, "policies": [row("epoch-oracle", 100, oracle=True), row("tierd-switch", 101), *rows]}


class Leads(unittest.TestCase):
    def test_the_best_rival_is_neither_an_oracle_nor_ours_nor_short_of_cases(self):
        ours, best = honest.ours_and_best_rival(table("m", row("tierd", 120), row("hemem", 130), row("arms", 140), row("pact", 90, cases=1))["policies"])
        self.assertEqual((ours["policy"], best["policy"]), ("tierd", "hemem"))

    def test_each_machine_and_rate_counts_by_itself(self):
        summary = {"tables": [table("m", row("tierd", 120), row("hemem", 130)), table("n", row("tierd", 120), row("hemem", 115), rate=300),
                              table(None, row("tierd", 240), row("hemem", 245))]}
        found = [(each["machine"], each["samples_per_second"], each["lead"]) for each in honest.leads(summary)]
        self.assertEqual(found, [("m", 150, 10.0), ("n", 300, -5.0)])

    def test_with_one_machine_the_table_of_all_is_its(self):
        self.assertEqual([each["lead"] for each in honest.leads({"tables": [table(None, row("tierd", 120), row("hemem", 130))]})], [10.0])


if __name__ == "__main__":
    unittest.main()
