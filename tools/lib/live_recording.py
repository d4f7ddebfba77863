"""What tierd itself records of redis beside a compile job, as a new user would record it: the daemon that observes, and `tierctl record`."""

import os
import pathlib
import subprocess
import sys
import tempfile
import threading

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
TARGETS = ("redis-server", "cc1plus")  # these alone: others may be at work on this machine
OPERATIONS = "3000000"  # of each of the load's phases: half a minute and more
FINISH_S = 60  # for the daemon to start and the recording to be written


class Again(threading.Thread):
    """Runs commands that belong together, again and again, until stopped."""

    def __init__(self, folder, *commands):
        super().__init__()
        self.folder, self.commands, self.stopped, self.running = folder, commands, threading.Event(), []
        self.start()

    def run(self):
        while not self.stopped.is_set():
            self.running = [subprocess.Popen(words, cwd=self.folder, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) for words in self.commands]
            for process in self.running:
                process.wait()
            self.stopped.wait(0.5)

    def stop(self):
        self.stopped.set()
        while self.is_alive():
            for process in self.running:
                process.kill()
            self.join(0.2)


def record(build, out, seconds):
    """Writes OUT/redis-compiler.trace and returns its path; raises RuntimeError with what went wrong."""
    import programs  # of the corpus; record-workloads has its folder on the path

    redis = next(program for program in programs.PROGRAMS if program.name == "redis")
    load = [word if word != "240000" else OPERATIONS for word in redis.companion()]
    out.mkdir(parents=True, exist_ok=True)
    trace = out / "redis-compiler.trace"
    with tempfile.TemporaryDirectory() as folder:
        corpus = os.path.join(ROOT, "tools/tier-record/corpus")
        prepare = f"import sys; sys.path.insert(0, {corpus!r}); import programs; programs.redis_server(); programs.preprocessed()"
        subprocess.run([sys.executable, "-B", "-c", prepare], cwd=folder, check=True)
        socket, config = f"{folder}/tierd.sock", pathlib.Path(folder) / "tierd.toml"
        config.write_text(f'mode = "observe"\n[control]\nsocket = "{socket}"\n')
        with open(out / "tierd.log", "wb") as log:
            daemon = subprocess.Popen([build / "tierd/daemon/tierd", "--config", config], stdout=log, stderr=log)
        beside = [Again(folder, redis.command(), load), Again(folder, ["g++", "-std=c++17", "-O2", "-c", "big.ii", "-o", "/dev/null"])]
        try:
            words = [build / "tools/tierctl/tierctl", "--socket", socket, "record", "-o", trace, "--duration", f"{seconds}s"]
            for name in TARGETS:
                words += ["--target", name]
            for _ in range(20):  # the daemon's socket is there after a moment
                if os.path.exists(socket) or daemon.poll() is not None:
                    break
                threading.Event().wait(0.5)
            done = subprocess.run(words, capture_output=True, text=True, timeout=seconds + FINISH_S)
        except subprocess.TimeoutExpired as late:
            raise RuntimeError(f"tierctl record did not end; the daemon's log: {out}/tierd.log") from late
        finally:
            for each in beside:
                each.stop()
            daemon.terminate()
            daemon.wait()
    if done.returncode != 0:
        raise RuntimeError(f"tierctl record: {done.stderr.strip()}; the daemon's log: {out}/tierd.log")
    return trace, done.stdout.strip()
