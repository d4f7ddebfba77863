#!/usr/bin/env python3
"""Reads our sources with clang, without compiling them: `syntax` (clang++ -fsyntax-only, errors alone) or `tidy` (clang-tidy).

usage: clang_gate.py BUILD syntax|tidy [--minutes M] [--changed BASE] [--without BUILD] [FILE...]

BUILD is a build folder whose targets are built: its compile commands are used, and its depfiles. A file that passed is remembered
under TIERD_CACHE by the contents of all that it includes, and is not read again. --changed takes only what differs from BASE, headers
by one source that includes them. --without leaves out what that build, which is clang's and up to date, has compiled. --minutes stops
beginning with more files after that time and says how many were not read.
Exit code 0: all that was read passed; 1: something was found; 2: usage.
"""
import argparse
import concurrent.futures
import hashlib
import json
import os
import re
import shlex
import subprocess
import sys
import time

PASSED, FOUND, KNOWN, LATE = "passed", "found", "known", "late"

# What GCC alone understands, and what only serves to write an object and its depfile.
DROPPED = {"-c", "-MD", "-Winvalid-pch", "-Werror", "-Wno-restrict"}
DROPPED_WITH_VALUE = {"-o", "-MF", "-MT", "-include"}
COMPILERS = {"c++", "g++", "clang++", "cc", "gcc", "clang"}


def clang_arguments(command):
    """The compiler's arguments of a compile command, for clang: without launcher, output, precompiled header, GCC's own warnings."""
    words = shlex.split(command)
    while words and os.path.basename(words[0]) not in COMPILERS:
        words.pop(0)
    kept, i = [], 1
    while i < len(words):
        if words[i] in DROPPED_WITH_VALUE:
            i += 1
        elif words[i] not in DROPPED:
            kept.append(words[i])
        i += 1
    return kept


def sources_of(entry):
    """The sources that a compile command reads: its file, or those that CMake lists in a file of its own to compile them at a time."""
    path = os.path.relpath(os.path.join(entry["directory"], entry["file"]))
    if "/Unity/unity_" not in path:
        return [path]
    with open(path, encoding="utf-8") as file:
        return [os.path.relpath(named) for named in re.findall(r'^#include "(.+)"$', file.read(), re.M)]


def first_commands(build):
    """One compile command of each C or C++ source that is in the repository, by its path."""
    with open(os.path.join(build, "compile_commands.json"), encoding="utf-8") as file:
        entries = json.load(file)
    commands = {}
    for entry in entries:
        for path in sources_of(entry):
            if path.endswith((".cpp", ".c")) and not path.startswith(("..", "build" + os.sep)):
                commands.setdefault(path, entry["command"].replace(entry["file"], os.path.abspath(path)))
    return commands


def recorded(build):
    """What ninja knows of each object of the last build: the paths that its compilation read."""
    text = subprocess.run(["ninja", "-C", build, "-t", "deps"], stdout=subprocess.PIPE, check=True, text=True).stdout
    for block in text.split("\n\n"):
        yield [os.path.relpath(os.path.join(build, line.strip())) for line in block.splitlines()[1:]]


class Includes:
    """What each source includes: our own files by their text, all others by ninja's record of the last build, in which what is compiled
    at a time includes the same. A source never built has none of the others."""

    def __init__(self, build, sources):
        self._own = {}
        self._others = {}
        for paths in recorded(build):
            others = {path for path in paths if path.startswith(("..", "build" + os.sep)) and "/Unity/" not in path}
            for path in paths:
                if path in sources:
                    self._others.setdefault(path, set()).update(others)

    def of(self, source):
        return self._own_of(source) | self._others.get(source, set())

    def _own_of(self, path):
        """The file itself, and what it and its headers name from the root of the tree."""
        found, waiting = {path}, [path]
        while waiting:
            for name in self._named_in(waiting.pop()) - found:
                found.add(name)
                waiting.append(name)
        return found

    def _named_in(self, path):
        if path not in self._own:
            try:
                with open(path, encoding="utf-8", errors="replace") as file:
                    names = re.findall(r'^\s*#\s*include "(.+)"', file.read(), re.M)
            except OSError:
                names = []
            self._own[path] = {name for name in names if os.path.exists(name)}
        return self._own[path]


class Fingerprints:
    """Of contents for files of ours, of size and time for the system's, which only packages change."""

    def __init__(self):
        self._known = {}

    def of(self, path):
        if path not in self._known:
            self._known[path] = self._read(path)
        return self._known[path]

    @staticmethod
    def _read(path):
        try:
            if path.startswith(".."):
                status = os.stat(path)
                return f"{os.path.basename(path)} {status.st_size} {int(status.st_mtime)}"
            with open(path, "rb") as file:
                return path + " " + hashlib.sha256(file.read()).hexdigest()
        except OSError:
            return path + " missing"


def tool_command(tool, path, arguments):
    if tool == "syntax":
        return ["clang" if path.endswith(".c") else "clang++", "-fsyntax-only", *arguments]
    # A test's body is long because GoogleTest's macros are: complexity says nothing there.
    checks = ["--checks=-readability-function-cognitive-complexity"] if path.endswith("_test.cpp") else []
    return ["clang-tidy", "--quiet", *checks, path, "--", *(word for word in arguments if not word.endswith(path))]


def stamp_of(tool, path, arguments, includes, fingerprints, version):
    """Where a pass is remembered. Paths in it are relative, so that another checkout of the same sources knows it too."""
    digest = hashlib.sha256(version.encode())
    for argument in tool_command(tool, path, arguments):
        digest.update(argument.replace(os.getcwd(), "").encode() + b"\0")
    extra = [".clang-tidy"] if tool == "tidy" else []
    for included in sorted(includes) + extra:
        digest.update(fingerprints.of(included).encode() + b"\0")
    cache = os.environ.get("TIERD_CACHE") or os.path.expanduser("~/.cache/tierd")
    return os.path.join(cache, "clang", tool, digest.hexdigest())


def changed_files(base):
    """Paths that differ from the commit, those not committed yet and new ones too. None where there is no such commit."""
    known = subprocess.run(["git", "rev-parse", "--verify", "--quiet", base + "^{commit}"], stdout=subprocess.DEVNULL, check=False)
    if known.returncode != 0:
        return None
    ways = (["git", "diff", "--name-only", "--diff-filter=d", base, "--"], ["git", "ls-files", "--others", "--exclude-standard"])
    return [path for way in ways for path in subprocess.run(way, stdout=subprocess.PIPE, check=True, text=True).stdout.splitlines()]


def sources_for(changed, commands, included):
    """The changed sources, and for each changed header that none of them includes the source that includes least beside it."""
    chosen = [path for path in changed if path in commands]
    for header in (path for path in changed if path.endswith(".h")):
        users = [path for path in commands if header in included.of(path)]
        if users and not any(path in users for path in chosen):
            chosen.append(min(users, key=lambda path: len(included.of(path))))
    return chosen


def read_one(tool, path, arguments, stamp, deadline):
    if os.path.exists(stamp):
        return KNOWN, ""
    if time.monotonic() > deadline:
        return LATE, ""
    done = subprocess.run(tool_command(tool, path, arguments), stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace", check=False)
    if done.returncode != 0:
        return FOUND, done.stdout
    os.makedirs(os.path.dirname(stamp), exist_ok=True)
    with open(stamp, "w", encoding="utf-8"):
        pass
    return PASSED, ""


def main():
    parser = argparse.ArgumentParser(usage=__doc__.splitlines()[2].removeprefix("usage: "))
    parser.add_argument("build")
    parser.add_argument("tool", choices=["syntax", "tidy"])
    parser.add_argument("--minutes", type=float, default=float("inf"))
    parser.add_argument("--changed", metavar="BASE")
    parser.add_argument("--without", metavar="BUILD")
    parser.add_argument("files", nargs="*")
    options = parser.parse_args()

    commands = first_commands(options.build)
    included = Includes(options.build, commands)
    chosen = list(commands)
    if options.changed is not None:
        changed = changed_files(options.changed)
        if changed is None:
            parser.error(f"there is no commit {options.changed} here (fix: fetch more history, or name another commit)")
        chosen = sources_for(changed, commands, included)
    elif options.files:
        named = [os.path.relpath(path) for path in options.files]
        chosen = sources_for(named, commands, included)
        for path in named:
            if not any(path in included.of(source) for source in chosen):
                parser.error(f"{path} is no source of the build and no header that one includes")
    if options.without:
        compiled = {path for paths in recorded(options.without) for path in paths}
        chosen = [path for path in chosen if path not in compiled]
    program = "clang++" if options.tool == "syntax" else "clang-tidy"
    version = subprocess.run([program, "--version"], stdout=subprocess.PIPE, check=True, text=True).stdout
    fingerprints, counts = Fingerprints(), {PASSED: 0, FOUND: 0, KNOWN: 0, LATE: 0}
    deadline, shown = time.monotonic() + 60 * options.minutes, time.monotonic()

    with concurrent.futures.ThreadPoolExecutor(len(os.sched_getaffinity(0))) as pool:
        waiting = []
        for path in chosen:
            arguments = clang_arguments(commands[path])
            stamp = stamp_of(options.tool, path, arguments, included.of(path), fingerprints, version)
            waiting.append(pool.submit(read_one, options.tool, path, arguments, stamp, deadline))
        for future in concurrent.futures.as_completed(waiting):
            outcome, text = future.result()
            counts[outcome] += 1
            if outcome == FOUND:
                print(text, flush=True)
            if time.monotonic() - shown > 10:
                shown = time.monotonic()
                print(f"  … {sum(counts.values())} of {len(chosen)} files", file=sys.stderr)
    late = f", {counts[LATE]} not read (out of time)" if counts[LATE] else ""
    print(f"{options.tool}: {len(chosen)} files: {counts[PASSED]} passed, {counts[KNOWN]} passed before, {counts[FOUND]} with findings{late}", file=sys.stderr)
    return 1 if counts[FOUND] else 0


if __name__ == "__main__":
    sys.exit(main())
