"""The budget counts what ctest printed, and the clang gate reads what it must. Run by ctest."""

import contextlib
import io
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

sys.dont_write_bytecode = True
import budget  # noqa: E402
import clang_gate  # noqa: E402

RETRIED = """
    Start 87: lab_bpf_test
1/3 Test #87: lab_bpf_test .....................***Failed  231.97 sec
    Start 87: lab_bpf_test
    Test #87: lab_bpf_test .....................   Passed   30.10 sec
2/3 Test #88: lab_contract_test ................***Timeout  12.58 sec
    Test #88: lab_contract_test ................***Failed   12.58 sec
3/3 Test #89: lab_topology_test ................   Passed   60.13 sec
"""


class WithFolders(unittest.TestCase):
    def folder(self):
        """A new one, gone after the test."""
        made = tempfile.TemporaryDirectory()
        self.addCleanup(made.cleanup)
        return made.name


class Budget(WithFolders):
    def setUp(self):
        printed = contextlib.ExitStack()
        printed.enter_context(contextlib.redirect_stdout(io.StringIO()))
        printed.enter_context(contextlib.redirect_stderr(io.StringIO()))
        self.addCleanup(printed.close)

    def record(self, *runs):
        folder = self.folder()
        path = os.path.join(folder, "suites.jsonl")
        log = os.path.join(folder, "log")
        with open(log, "w", encoding="utf-8") as file:
            file.write(RETRIED)
        for suite, seconds, passed in runs:
            self.assertEqual(budget.main(["record", path, suite, str(seconds), passed] + [log] * (suite == "lab")), 0)
        return path

    def test_only_what_failed_and_then_passed_is_a_second_try(self):
        self.assertEqual(budget.second_tries(RETRIED), ["lab_bpf_test"])
        self.assertEqual(budget.second_tries("a\nsystemd_x passed at its second try\n"), ["systemd_x"])

    def test_the_last_run_of_a_suite_counts_and_who_is_over_is_named(self):
        path = self.record(("lab", 10, "0"), ("native", 30, "1"), ("lab", 60 * budget.ALLOWED["lab"] + 1, "1"))
        verdict = budget.judged(budget.read(path))
        self.assertEqual([(suite["suite"], suite["over"], suite["passed"]) for suite in verdict["suites"]],
                         [("native", False, True), ("lab", True, True)])
        self.assertTrue(verdict["over"])
        self.assertEqual(budget.main(["show", path, "--json"]), 1)
        self.assertIn("lab_bpf_test", budget.table(verdict))
        self.assertIn("1 tests passed at their second try", budget.table(verdict))

    def test_within_the_budget_is_success_and_json_is_whole(self):
        path = self.record(("unit", 30, "1"))
        self.assertEqual(budget.main(["show", path]), 0)
        self.assertEqual(json.loads(json.dumps(budget.judged(budget.read(path))))["second_try"], [])

    def test_the_suites_together_may_take_what_they_may_take_each(self):
        self.assertLessEqual(sum(budget.ALLOWED.values()), budget.TOGETHER)

    def test_what_is_missing_or_damaged_is_named(self):
        for text in (None, "{", '{"seconds": 3}'):
            path = os.path.join(self.folder(), "suites.jsonl")
            if text is not None:
                with open(path, "w", encoding="utf-8") as file:
                    file.write(text)
            with self.assertRaisesRegex(SystemExit, path):
                budget.read(path)

    def test_unknown_suites_and_words_are_usage(self):
        for words in ([], ["show"], ["record", "f", "no-such-suite", "1", "1"], ["show", "f", "--yaml"]):
            self.assertEqual(budget.main(words), 2)


class ClangGate(WithFolders):
    def test_the_launcher_and_what_only_gcc_knows_are_dropped(self):
        command = ("/usr/bin/cmake -E env CCACHE_SLOPPINESS=x /usr/bin/ccache /usr/bin/c++ -DX='a b' -I/s -O2 -Wno-restrict -Werror -Winvalid-pch "
                   "-include /b/cmake_pch.hxx -MD -MT a.o -MF a.o.d -o a.o -c /s/a.cpp")
        self.assertEqual(clang_gate.clang_arguments(command), ["-DX=a b", "-I/s", "-O2", "/s/a.cpp"])
        self.assertEqual(clang_gate.clang_arguments("ccache /usr/bin/cc -O2 -o a.o -c a.c"), ["-O2", "a.c"])
        self.assertEqual([clang_gate.tool_command("syntax", path, [])[0] for path in ("a.c", "a.cpp")], ["clang", "clang++"])

    def test_what_differs_from_a_commit_includes_what_git_does_not_know_yet(self):
        self.in_a_folder(kept_h="", old_h="")
        author = ["git", "-c", "user.name=a", "-c", "user.email=a@b.invalid"]
        for words in (["init", "-q"], ["add", "."], ["commit", "-q", "-m", "first"]):
            subprocess.run(author + words, check=True)
        with open("old.h", "w", encoding="utf-8") as file:
            file.write("int a;")
        pathlib.Path("fresh.h").touch()
        self.assertEqual(clang_gate.changed_files("HEAD"), ["old.h", "fresh.h"])
        self.assertIsNone(clang_gate.changed_files("HEAD~1"))

    def in_a_folder(self, **texts):
        """Makes it the current one, with these files: `a_b.h` by the name a_b_h."""
        before = os.getcwd()
        os.chdir(self.folder())
        self.addCleanup(os.chdir, before)  # before the folder goes
        for name, text in texts.items():
            path = name.replace("_", ".")
            with open(path, "w", encoding="utf-8") as file:
                file.write(text)

    def includes(self, recorded=""):
        """Of the current folder's sources; `recorded`: what ninja prints of the last build in build/."""
        folder = self.folder()
        with open(os.path.join(folder, "ninja"), "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\ncat <<'END'\n{recorded}\nEND\n")
        os.chmod(file.name, 0o755)
        path = os.environ["PATH"]
        self.addCleanup(os.environ.__setitem__, "PATH", path)
        os.environ["PATH"] = folder + ":" + path
        return clang_gate.Includes("build", {"a.cpp": "", "b.cpp": "", "c.cpp": ""})

    def test_a_changed_header_is_read_through_the_source_that_includes_least(self):
        self.in_a_folder(a_cpp='#include "x.h"\n#include "y.h"\n', b_cpp='#include "x.h"\n', c_cpp='#include "y.h"\n',
                         x_h="", y_h='  # include "z.h"\n#include "not/there.h"\n', z_h='#include "y.h"\n')
        included = self.includes()
        self.assertEqual(included.of("a.cpp"), {"a.cpp", "x.h", "y.h", "z.h"})
        sources = ["a.cpp", "b.cpp", "c.cpp"]
        self.assertEqual(clang_gate.sources_for(["x.h", "gone.txt"], sources, included), ["b.cpp"])
        self.assertEqual(clang_gate.sources_for(["x.h", "a.cpp"], sources, included), ["a.cpp"])
        self.assertEqual(clang_gate.sources_for(["z.h"], sources, included), ["c.cpp"])

    def test_a_header_that_nothing_includes_is_read_by_no_source(self):
        self.in_a_folder(a_cpp="")
        self.assertEqual(clang_gate.sources_for(["alone.h", "gone.cpp"], ["a.cpp"], self.includes()), [])

    def test_what_is_compiled_at_a_time_shares_what_is_not_ours_alone(self):
        self.in_a_folder(a_cpp='#include "x.h"\n', b_cpp="", x_h="")
        recorded = """one.o: #deps 5, deps mtime 1 (VALID)
    Unity/unity_0_cxx.cxx
    ../a.cpp
    ../x.h
    ../b.cpp
    made.skel.h
    /usr/include/stdio.h

two.o: #deps 1, deps mtime 1 (VALID)
    /usr/include/string.h
"""
        included = self.includes(recorded)
        theirs = {"build/made.skel.h", os.path.relpath("/usr/include/stdio.h")}
        self.assertEqual(included.of("a.cpp"), {"a.cpp", "x.h"} | theirs)
        self.assertEqual(included.of("b.cpp"), {"b.cpp"} | theirs)
        self.assertEqual(included.of("c.cpp"), {"c.cpp"})

    def test_sources_that_are_compiled_at_a_time_have_a_command_each(self):
        self.in_a_folder()
        os.makedirs("build/t.dir/Unity")
        unity = os.path.abspath("build/t.dir/Unity/unity_0_cxx.cxx")
        with open(unity, "w", encoding="utf-8") as file:
            file.write("".join(f'/* made */\n\n#include "{os.path.abspath(name)}"\n' for name in ("a.cpp", "b.cpp")))
        entries = [{"directory": os.path.abspath("build"), "file": path, "command": f"c++ -o x.o -c {path}"}
                   for path in (unity, os.path.abspath("c.cpp"), os.path.abspath("d.c"), os.path.abspath("build/made.cpp"), "/usr/other.cpp")]
        with open("build/compile_commands.json", "w", encoding="utf-8") as file:
            json.dump(entries, file)
        commands = clang_gate.first_commands("build")
        self.assertEqual(sorted(commands), ["a.cpp", "b.cpp", "c.cpp", "d.c"])
        self.assertEqual(commands["b.cpp"], "c++ -o x.o -c " + os.path.abspath("b.cpp"))

    def test_a_pass_is_forgotten_when_anything_included_changes(self):
        self.in_a_folder()
        for text in ("int a;", "int b;"):
            with open("x.h", "w", encoding="utf-8") as file:
                file.write(text)
            stamp = clang_gate.stamp_of("syntax", "a.cpp", ["a.cpp"], {"x.h"}, clang_gate.Fingerprints(), "14")
            if text == "int a;":
                first = stamp
        self.assertNotEqual(first, stamp)


class Packages(WithFolders):
    def test_what_cannot_be_installed_is_a_failure(self):
        folder = self.folder()
        for program, code in (("apt-get", 100), ("dpkg-query", 1)):
            path = pathlib.Path(folder, program)
            path.write_text(f"#!/bin/sh\nexit {code}\n", encoding="utf-8")
            path.chmod(0o755)
        setup = pathlib.Path(__file__).with_name("setup.sh")
        # `||` switches off what ends a script at its first failure, and so do the suites of tools/test.
        script = f'. "{setup}"; TIERD_ROOT={folder}; packages_of() {{ echo one; }}; provide_redis_server() {{ :; }}; install_packages || exit 42'
        done = subprocess.run(["bash", "-ec", script], env={**os.environ, "PATH": folder + ":" + os.environ["PATH"]}, stderr=subprocess.DEVNULL, check=False)
        self.assertEqual(done.returncode, 42)


if __name__ == "__main__":
    unittest.main()
