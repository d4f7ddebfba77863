#!/usr/bin/env python3
"""How long each suite of tools/test took, what it may take, and which tests passed at their second try.

usage: budget.py show FILE [--json]
       budget.py record FILE SUITE SECONDS PASSED [LOG]

FILE has one JSON object a line, a suite's last one counts. PASSED is 0 or 1; LOG is what the suite printed, for the tests that failed
first and passed then. show exits with 1 where a suite, or all together, took longer than it may.
"""
import json
import re
import sys

# Minutes on two cores, with an empty compiler cache. Together an hour and what the lab's second clock takes, at no time more than 75: what needs
# more belongs into `tools/check nightly`.
ALLOWED = {
    "packages": 1,
    "style": 1,
    "build": 10,
    "tidy": 3,
    "plain": 2,
    "native": 2,
    "sanitize": 20,
    "clang": 1,
    "threads": 7,
    "fuzz": 1,
    "lab": 11,
    "systemd": 6,
    "unit": 2,
    "contract": 1,
}
TOGETHER = 68


def second_tries(text):
    """Tests that failed, were run again and passed then: by ctest's lines, or by a line of tools/test that says so."""
    failed, passed = set(), set()
    for name, outcome in re.findall(r"Test +#\d+: (\S+) \.*(.*)", text):
        (passed if "Passed" in outcome else failed).add(name)
    return sorted(failed & passed | set(re.findall(r"^(\S+) passed at its second try$", text, re.M)))


def read(path):
    """The last record of each suite, in the order of ALLOWED."""
    records = {}
    try:
        with open(path, encoding="utf-8") as file:
            for line in file:
                record = json.loads(line)
                records[record["suite"]] = record
    except FileNotFoundError:
        sys.exit(f"budget: {path} is missing: no suite has run here (fix: sudo tools/test)")
    except (ValueError, KeyError, TypeError) as error:
        sys.exit(f"budget: {path}: {error} (fix: remove it and run tools/test)")
    return [records[suite] for suite in ALLOWED if suite in records]


def judged(records):
    suites = []
    for record in records:
        minutes, allowed = record["seconds"] / 60, ALLOWED[record["suite"]]
        suites.append({"suite": record["suite"], "minutes": round(minutes, 1), "allowed": allowed, "over": minutes > allowed,
                       "passed": record["passed"], "second_try": record["second_try"]})
    total = sum(record["seconds"] for record in records) / 60
    return {"suites": suites, "minutes": round(total, 1), "allowed": TOGETHER,
            "over": total > TOGETHER or any(suite["over"] for suite in suites),
            "second_try": sorted(name for suite in suites for name in suite["second_try"])}


def table(verdict):
    lines = ["suite      minutes  allowed"]
    for suite in verdict["suites"]:
        notes = ["over"] * suite["over"] + ["failed"] * (not suite["passed"])
        notes += [f"passed at the second try: {name}" for name in suite["second_try"]]
        lines.append(f"{suite['suite']:<10} {suite['minutes']:>7.1f} {suite['allowed']:>8}  {', '.join(notes)}".rstrip())
    lines.append(f"{'together':<10} {verdict['minutes']:>7.1f} {verdict['allowed']:>8}  {'over' if verdict['minutes'] > TOGETHER else ''}".rstrip())
    lines.append(f"{len(verdict['second_try'])} tests passed at their second try")
    return "\n".join(lines)


def main(arguments):
    if len(arguments) in (2, 3) and arguments[0] == "show" and arguments[2:] in ([], ["--json"]):
        verdict = judged(read(arguments[1]))
        print(json.dumps(verdict) if arguments[2:] else table(verdict))
        return 1 if verdict["over"] else 0
    if len(arguments) in (5, 6) and arguments[0] == "record" and arguments[2] in ALLOWED:
        text = ""
        if arguments[5:]:
            with open(arguments[5], encoding="utf-8", errors="replace") as file:
                text = file.read()
        record = {"suite": arguments[2], "seconds": int(arguments[3]), "passed": arguments[4] == "1", "second_try": second_tries(text)}
        with open(arguments[1], "a", encoding="utf-8") as file:
            file.write(json.dumps(record) + "\n")
        return 0
    print("\n".join(__doc__.splitlines()[2:4]), file=sys.stderr)
    return 2


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
