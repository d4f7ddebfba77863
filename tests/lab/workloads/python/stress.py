"""A memory method of stress-ng, from Debian's package, started anew every few seconds as that program is used.

usage: stress.py MIB METHOD   an operation is one of what stress-ng calls bogus operations
"""
import re
import subprocess
import sys

import pace

SECONDS = 5

mib, method = sys.argv[1:3]
command = ["/usr/bin/stress-ng", "--vm", "1", "--vm-bytes", mib + "M", "--vm-keep", "--vm-method", method, "--timeout", str(SECONDS),
           "--metrics-brief", "--temp-path", "/tmp"]
pace.filled()
progress = pace.Progress()
while True:
    told = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, check=True).stdout
    progress.add(int(re.search(r"\] vm +(\d+) ", told).group(1)))
