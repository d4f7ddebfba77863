"""The layer rule judges as its table says. Run by ctest."""

import sys
import unittest

sys.dont_write_bytecode = True
import layers  # noqa: E402


class Rule(unittest.TestCase):
    def test_a_folder_belongs_to_the_deepest_of_the_table(self):
        self.assertEqual(layers.layer_of("platform/linux/meters"), "platform/linux")
        self.assertEqual(layers.layer_of("prefetch/tuner"), "prefetch/tuner")
        self.assertIsNone(layers.layer_of("elsewhere/core"))

    def test_what_is_above_may_not_be_used(self):
        self.assertFalse(layers.allowed("core", "platform/api", {}))
        self.assertFalse(layers.allowed("migrator", "platform/linux", {}))
        self.assertFalse(layers.allowed("tierd/policy", "migrator", {}))
        self.assertFalse(layers.allowed("prefetch/tuner", "prefetch/loop", {}))

    def test_what_is_named_and_below_it_may_be(self):
        self.assertTrue(layers.allowed("migrator", "platform/api", {}))
        self.assertTrue(layers.allowed("tools", "platform/linux/sampling", {}))

    def test_a_breach_is_let_through_where_it_is_listed_alone(self):
        breaches = {("sim/trace", "platform/linux"): "why"}
        self.assertTrue(layers.allowed("sim/trace", "platform/linux", breaches))
        self.assertFalse(layers.allowed("sim/machine", "platform/linux", breaches))

    def test_the_table_names_folders_that_exist(self):
        for folder in layers.MAY_USE:
            self.assertTrue((layers.ROOT / folder).is_dir(), folder)

    def test_every_listed_breach_of_includes_is_still_one(self):
        listed = dict(layers.BREACHES)
        for pair in listed:
            del layers.BREACHES[pair]
            self.assertTrue(list(layers.include_breaches()), f"{pair} is mended: take it off the list")
            layers.BREACHES[pair] = listed[pair]
        self.assertEqual(list(layers.include_breaches()), [])


if __name__ == "__main__":
    unittest.main()
