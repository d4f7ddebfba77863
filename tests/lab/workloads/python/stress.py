"""A memory method of stress-ng, from Debian's package, started anew every few seconds as that program is used.

usage: stress.py MIB METHOD OPERATIONS   an operation is one of what stress-ng calls bogus operations; OPERATIONS: of one run

A run of so many operations, not of so many seconds: one that is cut off by time has done work that it does not tell, more or less by chance.
"""
import re
import subprocess
import sys
import threading
import time

import pace


class Told:
    """What has been done, and at the pace of the last run what has been done since: a run tells at its end alone."""

    def __init__(self):
        self.operations, self.pace, self.since = 0, 0.0, time.monotonic()

    def keep_telling(self):
        while True:
            time.sleep(pace.PRINT_EVERY_S)
            print(f"ops {int(self.operations + self.pace * (time.monotonic() - self.since))}", flush=True)

    def ended(self, operations):
        now = time.monotonic()
        self.operations, self.pace, self.since = self.operations + operations, operations / (now - self.since), now


mib, method, operations = sys.argv[1:4]
command = ["/usr/bin/stress-ng", "--vm", "1", "--vm-bytes", mib + "M", "--vm-keep", "--vm-method", method, "--vm-ops", operations, "--metrics-brief",
           "--temp-path", "/tmp"]
pace.filled()
told = Told()
threading.Thread(target=told.keep_telling, daemon=True).start()
while True:
    text = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    told.ended(int(re.search(r"\] vm +(\d+) ", text).group(1)))
