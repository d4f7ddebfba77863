#!/usr/bin/env python3
"""What the lab's core matrix makes of its results."""

import json
import pathlib
import sys
import tempfile
import tomllib
import types
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import lab_core  # noqa: E402


def result(speed, waited, oracle=200.0, saved=None):
    collected = [] if saved is None else [{"text": json.dumps({"schema": "io.tierd.status/1", "ledger": {"placed_saved_seconds": saved}}, separators=(",", ":"))}]
    return {"length_s": 10.0, "collected": collected, "periods": {"fast_share": [0.1, 0.8, 0.8, 0.8], "oracle_share": [0.9, 0.8, 0.8, 0.8]},
            "summary": {"progress_per_s": 0.97 * speed, "progress_per_s_tool_cpu_in_machine_time": speed, "progress": 10 * speed, "waited_s": waited, "progress_per_s_tool_cpu_given_back": 1.01 * speed,
                        "oracle_progress_per_s": oracle, "tool_cpu_s_per_s": 0.01, "migrated_mib": 50}}


class Judged(unittest.TestCase):
    def test_speeds_are_told_against_no_tiering(self):
        row = lab_core.judged("hotset-1to4", {"none": result(100.0, 6), "numab": result(110.0, 5), "damos": None, "tierd": result(150.0, 4)})
        self.assertEqual((row["none"], row["numab"], row["damos"], row["tierd"]), (1, 1.1, None, 1.5))
        self.assertEqual((row["oracle"], row["of_oracle"]), (2.0, 0.75))
        self.assertEqual((row["best_rival"], row["waits"], row["fast_share_at_end"]), ("numab", 0.6, 1.0))
        self.assertAlmostEqual(row["against_best_rival"], 1.5 / 1.1, 3)

    def test_damos_is_told_against_its_own_kernel(self):
        row = lab_core.judged("x", {"none": result(100.0, 6), "none-7.2": result(110.0, 6), "damos": result(110.0, 6), "tierd": result(150.0, 4)})
        self.assertEqual((row["damos"], row["none-7.2"], row["against_best_rival"]), (1.0, 1.1, 1.5))

    def test_what_a_client_measured_is_told(self):
        none, tierd = result(100.0, 6), result(150.0, 4)
        tierd["summary"]["client_latency_us"] = {"p50": 100.0, "p99": 840.0, "p999": 2300.0}
        row = lab_core.judged("x", {"none": none, "tierd": tierd})
        self.assertEqual(row["client_p99_us"], {"tierd": 840.0})
        self.assertIn("840 us (tierd)", lab_core.table([row]))

    def test_seconds_saved_are_for_the_work_that_was_done(self):
        row = lab_core.judged("x", {"none": result(100.0, 6), "tierd": result(150.0, 4, saved=5.2)})
        self.assertEqual((row["counted_s"], row["ledger_s"]), (5.0, 5.2))
        self.assertNotIn("best_rival", row)

    def test_every_column_of_the_table_has_its_value(self):
        row = lab_core.judged("x", {"none": result(100.0, 6), "numab": None, "damos": None, "tierd": result(150.0, 4)})
        head, line = lab_core.table([row]).splitlines()
        self.assertEqual(len(line.split()), len(head.replace("of orc", "of_orc").replace("best rival", "best_rival").replace("ledger s", "l").replace("count s", "c").split()))


class Runs(unittest.TestCase):
    def test_a_run_is_made_again_where_what_it_was_made_from_has_changed(self):
        with tempfile.TemporaryDirectory() as name:
            build = pathlib.Path(name)
            before = lab_core.made_from(build, "hotset-1to4", ["rival.tool=none"], 1)
            self.assertEqual(before, lab_core.made_from(build, "hotset-1to4", ["rival.tool=none"], 1))
            self.assertNotEqual(before, lab_core.made_from(build, "hotset-1to4", ["rival.tool=none"], 2))
            (build / "tools/tier-lab").mkdir(parents=True)
            (build / "tools/tier-lab/tier-lab").write_text("another")
            self.assertNotEqual(before, lab_core.made_from(build, "hotset-1to4", ["rival.tool=none"], 1))

    def test_tierd_itself_counts_for_its_own_runs_alone(self):
        with tempfile.TemporaryDirectory() as name:
            build = pathlib.Path(name)
            words = ["rival.tool=none"], ["rival.tool=tierd"]
            before = [lab_core.made_from(build, "hotset-1to4", each, 1) for each in words]
            (build / "tierd/daemon").mkdir(parents=True)
            (build / "tierd/daemon/tierd").write_text("another")
            after = [lab_core.made_from(build, "hotset-1to4", each, 1) for each in words]
            self.assertEqual([one == two for one, two in zip(before, after)], [True, False])

    def test_a_cell_that_is_not_there_is_named(self):
        with self.assertRaisesRegex(SystemExit, "no cell chess"):
            lab_core.measure(pathlib.Path("/nonexistent"), types.SimpleNamespace(only="hotset-1to4,chess"), print)

    def test_every_cell_has_its_scenario(self):
        for cell in lab_core.CELLS:
            self.assertTrue((lab_core.ROOT / f"tests/lab/scenarios/{cell}.toml").exists(), cell)

    def test_every_axis_can_be_asked_for_and_read(self):
        words = {**lab_core.AXES, **{name: words for name, (_, words) in lab_core.ALONE.items()}}
        for name, overrides in words.items():
            self.assertNotIn(",", name)
            for word in overrides:
                if any(mark in word for mark in '["'):
                    tomllib.loads(word)
        nodes = tomllib.loads(lab_core.ALONE["redis at 6 times"][1][2])["topology"]["node"]
        self.assertEqual([node["size_mib"] for node in nodes], [256, 1792])
        for scenario, _ in lab_core.ALONE.values():
            self.assertTrue((lab_core.ROOT / f"tests/lab/scenarios/{scenario}.toml").exists())

    def test_a_still_set_is_placed_by_touching_it_first(self):
        self.assertIn('"--hot-first"', lab_core.overrides("hotset-1to4", "placed")[-1])


if __name__ == "__main__":
    unittest.main()
