#!/usr/bin/env python3
"""The layer rule (docs/design.md, section 4) as one table: which folder may include headers of which, and which target may link which.

  tools/lib/layers.py [BUILD]    BUILD: a configured build folder, whose link graph is checked too (CMake's file API)

Prints one line for each breach; exit code 0: there is none, 1: there are. Tests, fixtures and benchmarks may use everything."""

import json
import pathlib
import re
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent

# A folder stands for what is below it, but for folders that stand here themselves. It may use itself, what is named, and what is below that. The
# exceptions that are still to be mended are in BREACHES.
MAY_USE = {
    "core": "",
    "bpf": "",
    "platform/api": "core",
    "platform/fake": "core platform/api",
    "platform/contract": "core platform",
    "platform/linux": "core platform/api bpf",
    "predictor": "core",
    "predictor/model": "core platform/api predictor",
    "predictor/network": "core platform/api predictor",
    "migrator": "core platform/api",
    "prefetch": "core platform/api",
    "prefetch/tuner": "core",
    "prefetch/restore": "prefetch platform/linux",  # the C program that puts settings back: wired to the real files
    "tierd/words": "",
    "tierd/tracker": "core",
    "tierd/ledger": "core tierd/words",
    "tierd/policy": "core predictor tierd/words tierd/tracker tierd/ledger",
    "tierd/config": "core platform/api",
    "tierd/cli": "core tierd/words tierd/config",
    "tierd/control": "core platform/api tierd/config",
    "tierd/daemon": "core platform/api predictor migrator prefetch tierd",
    "sim": "core",
    "sim/machine": "core platform/api sim",
    "sim/host": "core platform/api migrator predictor sim tierd",
    "sim/prefetch": "core prefetch/tuner sim",
    "tools": "core platform predictor migrator prefetch sim tierd tools",
    "systemd": "",
    "tests": "core platform bpf predictor migrator prefetch sim tierd tools",
}

# (folder, what it uses): why it is there. Nothing may be added.
BREACHES = {
    ("prefetch/loop", "platform/fake"): "its fixture lies among the sources",
    ("tierd/daemon", "platform/linux"): "main.cpp alone should wire the real adapters; doctor, source_keeper and the meters' owner do too",
}
# (target, target it links).
LINK_BREACHES = {
    ("predictor/model", "platform/linux"): "a free function names the real files: simulator and trainer link the adapters",
    ("prefetch", "platform/linux"): "the same, for registers and journals",
    ("sim/machine", "platform/linux"): "the same, for machine files",
    ("tierd/config", "platform/linux"): "the configuration is read by the real files",
}

BESIDES = re.compile(r"(_test|_fixture|_benchmark|_fuzz)\.(cpp|h|c)$")


def layer_of(path):
    """The folder of the table that a file or folder belongs to."""
    parts = path.split("/")
    for count in range(len(parts), 0, -1):
        folder = "/".join(parts[:count])
        if folder in MAY_USE:
            return folder
    return None


def below(folder, other):
    return folder == other or folder.startswith(other + "/")


def allowed(folder, used, breaches):
    """Both may be folders below those of the table."""
    layer = layer_of(folder)
    if below(used, layer) or any(below(used, word) for word in MAY_USE[layer].split()):
        return True
    return any(below(folder, a) and below(used, b) for a, b in breaches)


def sources():
    shown = subprocess.run(["git", "-C", str(ROOT), "ls-files", "-co", "--exclude-standard", "--", "*.h", "*.cpp", "*.c"], capture_output=True, text=True, check=True)
    return [name for name in shown.stdout.split() if (ROOT / name).exists()]


def include_breaches():
    for name in sources():
        user = layer_of(str(pathlib.PurePath(name).parent))
        if user is None:
            yield f"{name}: its folder is not in the table of tools/lib/layers.py"
            continue
        if BESIDES.search(name) or user == "tests":
            continue
        folder = str(pathlib.PurePath(name).parent)
        for number, line in enumerate((ROOT / name).read_text(errors="replace").splitlines(), 1):
            match = re.match(r'#include "([^"]+)"', line)
            if not match or "/" not in match[1]:
                continue
            used = str(pathlib.PurePath(match[1]).parent)
            if layer_of(used) is None:
                continue  # generated, or a library's
            if not allowed(folder, used, BREACHES):
                yield f"{name}:{number}: {user} may not use {used}"


def configure_query(build):
    """Asks CMake for its model of the build; it answers when it configures."""
    query = build / ".cmake/api/v1/query/codemodel-v2"
    if not query.exists():
        query.parent.mkdir(parents=True, exist_ok=True)
        query.touch()
    replies = sorted((build / ".cmake/api/v1/reply").glob("index-*.json"))
    if not replies:
        subprocess.run(["cmake", str(build)], stdout=subprocess.DEVNULL, check=True)
        replies = sorted((build / ".cmake/api/v1/reply").glob("index-*.json"))
    return replies[-1]


def folder_of(target):
    """Where a target's sources lie: the table's deepest folder with all of them, which need not be where CMake defines it."""
    folders = {layer_of(str(pathlib.PurePath(source["path"]).parent)) for source in target.get("sources", [])} - {None}  # none: generated
    return folders.pop() if len(folders) == 1 else target["paths"]["source"]


def direct(target, targets):
    """What it links and gets through nothing else that it links: CMake's model lists all, and each answers for its own."""
    linked = [each["id"] for each in target.get("dependencies", []) if each["id"] in targets]
    through = {deeper["id"] for each in linked for deeper in targets[each].get("dependencies", [])}
    return [targets[each] for each in linked if each not in through]


def link_breaches(build):
    index = json.loads(configure_query(build).read_text())
    folder = build / ".cmake/api/v1/reply"
    model = json.loads((folder / index["reply"]["codemodel-v2"]["jsonFile"]).read_text())
    targets = {}
    for each in model["configurations"][0]["targets"]:
        targets[each["id"]] = json.loads((folder / each["jsonFile"]).read_text())
    still = set()  # of the listed breaches
    for target in targets.values():
        # Executables bring libraries together: that is their purpose, and what their own sources include is judged above.
        if target["type"] not in ("STATIC_LIBRARY", "SHARED_LIBRARY", "MODULE_LIBRARY", "OBJECT_LIBRARY"):
            continue
        place = folder_of(target)
        user = layer_of(place)
        files = [source["path"] for source in target.get("sources", [])]
        if user in (None, "tests") or place == "." or any(BESIDES.search(name) for name in files):
            continue
        for used in direct(target, targets):
            if used["type"] not in ("STATIC_LIBRARY", "SHARED_LIBRARY"):
                continue
            other = folder_of(used)
            if layer_of(other) is None or allowed(place, other, BREACHES):
                continue
            listed = [pair for pair in LINK_BREACHES if allowed(place, other, {pair: ""})]
            still.update(listed)
            if not listed:
                yield f"target {target['name']} ({place}) links {used['name']} ({other})"
    for pair in LINK_BREACHES.keys() - still:
        yield f"{' links '.join(pair)} is mended: take it off the list of tools/lib/layers.py"


def main():
    found = list(include_breaches())
    if len(sys.argv) > 1:
        found += sorted(set(link_breaches(pathlib.Path(sys.argv[1]).resolve())))
    for line in found:
        print(line)
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
