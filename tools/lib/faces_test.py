"""Terminal output becomes HTML as it looked. Run by ctest."""

import sys
import unittest

sys.dont_write_bytecode = True
import faces  # noqa: E402


class ToHtml(unittest.TestCase):
    def test_text_is_escaped_and_plain_text_stays(self):
        self.assertEqual(faces.to_html("a <b> & c"), "a &lt;b&gt; &amp; c")

    def test_colours_of_both_kinds_and_their_end(self):
        self.assertEqual(faces.to_html("\x1b[31mr\x1b[0mx"), '<span style="color:#cd3131">r</span>x')
        self.assertEqual(faces.to_html("\x1b[48;5;196m \x1b[49m."), '<span style="background:#ff0000"> </span>.')
        self.assertEqual(faces.to_html("\x1b[1;92mok"), '<span style="font-weight:bold;color:#23d18b">ok</span>')

    def test_greys_of_the_palette(self):
        self.assertEqual(faces.palette(232), "#080808")
        self.assertEqual(faces.palette(255), "#eeeeee")

    def test_other_sequences_vanish(self):
        self.assertEqual(faces.to_html("a\x1b[2Kb\x1b[mc"), "abc")
        self.assertEqual(faces.plain("a\x1b[38;5;4mb\x1b[Kc"), "abc")


if __name__ == "__main__":
    unittest.main()
