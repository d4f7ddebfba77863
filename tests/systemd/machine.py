"""The emulated machine: two nodes of memory, one of them small and with the CPUs, as the firmware's tables tell the kernel."""

import ctypes
import re
import signal
import subprocess
import time

FAST_MIB, SLOW_MIB = 384, 1280
SLOWDOWN = 20  # An emulated CPU takes about so many times a real one's time for an instruction; what firmware says of memory fits it.
SILENCE_S = 150  # between two signs of life; the guest gives one every ten seconds once it is up
LINES = 30
# Of these a guest does not recover.
FAULTS = ("Kernel panic - not syncing", "Oops:", "BUG: unable to handle", "kernel BUG at")


def qemu_words(kernel, disk, out):
    words = ["qemu-system-x86_64", "-machine", "q35,hmat=on", "-accel", "tcg,thread=multi,tb-size=512", "-cpu", "max,-erms,-fsrm,-la57,-monitor",
             "-smp", "2", "-m", f"{FAST_MIB + SLOW_MIB}M",
             "-object", f"memory-backend-ram,id=m0,size={FAST_MIB}M", "-object", f"memory-backend-ram,id=m1,size={SLOW_MIB}M",
             "-numa", "node,nodeid=0,memdev=m0,cpus=0-1", "-numa", "node,nodeid=1,memdev=m1,initiator=0",
             "-numa", "dist,src=0,dst=1,val=20", "-numa", "dist,src=1,dst=0,val=20"]
    for node, latency, bandwidth in ((0, 80 * SLOWDOWN, 100000 // SLOWDOWN), (1, 240 * SLOWDOWN, 20000 // SLOWDOWN)):
        for access in ("read", "write"):
            lead = f"hmat-lb,initiator=0,target={node},hierarchy=memory,data-type={access}"
            words += ["-numa", f"{lead}-latency,latency={latency}", "-numa", f"{lead}-bandwidth,bandwidth={bandwidth}M"]
    return words + [
        "-nodefaults", "-no-user-config", "-display", "none", "-nic", "none",
        "-drive", f"if=none,id=root,file={disk},format=raw,cache=unsafe", "-device", "virtio-blk-pci,drive=root",
        "-serial", f"file:{out}/console.log", "-serial", f"file:{out}/checks.log",
        "-kernel", str(kernel / "vmlinuz"), "-initrd", str(out / "initrd.img"),
        "-append", "console=ttyS0 panic=0 oops=panic tsc=reliable no_timer_check mitigations=off nowatchdog random.trust_cpu=on loglevel=5 "
                   "systemd.show_status=auto"]


class Follower:
    """Whole lines of a growing file."""

    def __init__(self, path):
        self.path, self.offset, self.rest = path, 0, ""

    def lines(self):
        try:
            with open(self.path, "rb") as file:
                file.seek(self.offset)
                data = file.read()
        except FileNotFoundError:
            return []
        self.offset += len(data)
        *lines, self.rest = (self.rest + data.decode(errors="replace").replace("\r", "")).split("\n")
        return lines


def console_end(out):
    try:
        text = (out / "console.log").read_bytes().decode(errors="replace")
    except FileNotFoundError:
        return ""
    plain = re.sub(r"\x1b\[[0-9;?]*[a-zA-Z]|[^\n\t\x20-\x7e]", "", text)
    return "\n".join(plain.splitlines()[-LINES:])


def run(kernel, disk, out, report, timeout):
    """Runs the guest to its end. Returns what went wrong with it, with the console's end, or None."""
    log = open(out / "qemu.log", "wb")
    guest = subprocess.Popen(qemu_words(kernel, disk, out), stdin=subprocess.DEVNULL, stdout=log, stderr=log,
                             preexec_fn=lambda: ctypes.CDLL(None).prctl(1, signal.SIGKILL))  # PR_SET_PDEATHSIG: no guest outlives us
    try:
        trouble = watch(guest, out, report, timeout)
    finally:
        if guest.poll() is None:
            guest.kill()
        guest.wait()
        log.close()
    if trouble is None and not report.done:
        trouble = f"the guest ended with {guest.returncode} before its checks did: " + (out / "qemu.log").read_text(errors="replace")[-500:]
    return trouble and f"{trouble}\n--- the console's last lines ({out}/console.log):\n{console_end(out)}"


def watch(guest, out, report, timeout):
    console, checks = Follower(out / "console.log"), Follower(out / "checks.log")
    started = sign = time.monotonic()
    while True:
        over = guest.poll() is not None  # before reading, so that the last lines are read after the end
        told, said = checks.lines(), console.lines()
        for line in told:
            report.line(line)
        now = time.monotonic()
        if told or said:
            sign = now
        for line in said:
            if any(fault in line for fault in FAULTS):
                time.sleep(2)  # let the call trace come
                return "the guest's kernel failed: " + line.strip()
        if over:
            return None
        if now - sign > SILENCE_S:
            return f"the guest hangs: no sign of life for {SILENCE_S} s"
        if now - started > timeout:
            return f"the guest was not done within {timeout} s"
        time.sleep(0.2)
