"""Every face that tierd shows, in one folder: what tierctl prints in terminals of 80 and of 160 columns, and all pictures, with an index
to look at them together. Run by `tools/check faces OUT`; writes OUT and a temporary folder, and starts a daemon of its own that observes
two small programs by stall sampling.

usage: tools/lib/faces.py BUILD OUT"""

import html
import json
import os
import pathlib
import re
import shlex
import shutil
import subprocess
import sys
import tempfile
import time

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
WIDTHS = (80, 160)
HEIGHT = 50
WATCHED_S = 40  # so that the heat map has columns to show
BASIC = ["#000000", "#cd3131", "#0a7d32", "#a87b00", "#2472c8", "#bc3fbc", "#11a8cd", "#cccccc"]
BRIGHT = ["#666666", "#f14c4c", "#23d18b", "#f5f543", "#3b8eea", "#d670d6", "#29b8db", "#ffffff"]


def note(text):
    sys.stderr.write(f"faces: {text}\n")


def palette(number):
    """Colour of xterm's 256."""
    if number < 8:
        return BASIC[number]
    if number < 16:
        return BRIGHT[number - 8]
    if number < 232:
        steps = (0, 95, 135, 175, 215, 255)
        number -= 16
        return "#%02x%02x%02x" % (steps[number // 36], steps[number // 6 % 6], steps[number % 6])
    return "#%02x%02x%02x" % ((8 + 10 * (number - 232),) * 3)


class Style:
    def __init__(self):
        self.bold = self.dim = self.underline = False
        self.front = self.back = None

    def take(self, codes):
        codes = [int(code or 0) for code in codes.split(";")]
        while codes:
            code = codes.pop(0)
            if code == 0:
                self.__init__()
            elif code in (1, 2, 4):
                setattr(self, {1: "bold", 2: "dim", 4: "underline"}[code], True)
            elif code in (22, 24):
                self.bold, self.dim, self.underline = (False, False, self.underline) if code == 22 else (self.bold, self.dim, False)
            elif code in (38, 48) and codes[:1] == [5] and len(codes) > 1:
                setattr(self, "front" if code == 38 else "back", palette(codes[1]))
                del codes[:2]
            elif code in (39, 49):
                setattr(self, "front" if code == 39 else "back", None)
            elif 30 <= code <= 37 or 90 <= code <= 97:
                self.front = palette(code - 30 if code < 40 else code - 82)
            elif 40 <= code <= 47 or 100 <= code <= 107:
                self.back = palette(code - 40 if code < 50 else code - 92)

    def css(self):
        parts = ["font-weight:bold"] * self.bold + ["opacity:.6"] * self.dim + ["text-decoration:underline"] * self.underline
        parts += [f"color:{self.front}"] * bool(self.front) + [f"background:{self.back}"] * bool(self.back)
        return ";".join(parts)


def to_html(text):
    """Terminal output with SGR sequences as HTML; other sequences are left out."""
    style, out = Style(), []
    for part in re.split(r"(\x1b\[[0-9;]*[A-Za-z])", text):
        if match := re.fullmatch(r"\x1b\[([0-9;]*)m", part):
            style.take(match[1])
        elif part and not part.startswith("\x1b"):
            out.append(f'<span style="{style.css()}">{html.escape(part)}</span>' if style.css() else html.escape(part))
    return "".join(out)


def plain(text):
    return re.sub(r"\x1b\[[0-9;]*[A-Za-z]", "", text)


class Terminal:
    """A tmux server of its own, without anybody's configuration."""

    def __init__(self, folder):
        self.base = ["tmux", "-S", str(folder / "tmux.sock"), "-f", "/dev/null"]
        self.folder = folder
        # The server ends with its last session, while the next one is being asked for: this one stays.
        subprocess.run([*self.base, "new-session", "-d", "-s", "stays", "sleep 3600"], check=True)

    def capture(self, command, width):
        """What a terminal of that width shows of the command, and its exit code."""
        done = self.folder / "exit-code"
        done.unlink(missing_ok=True)
        # The shell stays a while, for what it has printed is to be seen; the session is ended below.
        inner = f"{shlex.join(str(word) for word in command)}; echo $? >{shlex.quote(str(done))}.part; mv {shlex.quote(str(done))}.part {shlex.quote(str(done))}; sleep 600"
        environment = {**os.environ, "TERM": "xterm-256color", "LC_ALL": "C.UTF-8"}
        subprocess.run([*self.base, "new-session", "-d", "-x", str(width), "-y", str(HEIGHT), "-s", "face", inner], check=True, env=environment)
        try:
            for _ in range(300):
                if done.exists():
                    break
                time.sleep(0.1)
            else:
                return "(nothing within 30 s)", -1
            time.sleep(0.3)  # until tmux has taken what was printed
            text = subprocess.run([*self.base, "capture-pane", "-p", "-e", "-S", "-", "-t", "face"], check=True, capture_output=True, text=True).stdout
            return text.rstrip() + "\n", int(done.read_text())
        finally:
            subprocess.run([*self.base, "kill-session", "-t", "face"], capture_output=True)

    def close(self):
        subprocess.run([*self.base, "kill-server"], capture_output=True)


class Faces:
    def __init__(self, build, out, scratch):
        self.build, self.out, self.scratch = build, out, scratch
        self.texts, self.pictures, self.failed = [], [], []
        self.children = []

    def program(self, name):
        return self.build / name

    def start(self, command, log):
        with open(self.scratch / log, "w") as sink:
            child = subprocess.Popen([str(word) for word in command], stdout=sink, stderr=sink, stdin=subprocess.DEVNULL)
        self.children.append(child)
        return child

    def stop(self):
        for child in reversed(self.children):
            child.terminate()
        for child in self.children:
            try:
                child.wait(10)
            except subprocess.TimeoutExpired:
                child.kill()
                child.wait()

    # --- tierctl ---

    def start_daemon(self):
        hot = self.program("tests/lab/hotset")
        programs = [self.start(["nice", "-n", "5", hot, "--mib", mib, "--hot", "12", "--seed", seed], f"hotset-{seed}.log") for mib, seed in ((192, 1), (96, 2))]
        socket, config = self.scratch / "tierd.sock", self.scratch / "tierd.toml"
        config.write_text(f"""mode = "observe"
[targets]
pids = [{", ".join(str(each.pid) for each in programs)}]
[sampling]
source = "stall"
[control]
socket = "{socket}"
[prefetch]
journal = "{self.scratch}/journal"
""")
        daemon = self.start([self.program("tierd/daemon/tierd"), "--config", config], "tierd.log")
        note(f"tierd observes two programs for {WATCHED_S} s; it moves nothing")
        ended = time.monotonic() + WATCHED_S
        while time.monotonic() < ended:
            time.sleep(1)
            if daemon.poll() is not None:
                sys.exit("tools/check faces: tierd stopped:\n" + (self.scratch / "tierd.log").read_text()[-2000:])
        return [self.program("tools/tierctl/tierctl"), "--socket", socket]

    def hottest(self, tierctl):
        """Process and address of the region that is waited for most."""
        answer = json.loads(subprocess.run([str(word) for word in (*tierctl, "--json", "report", "heatmap")], capture_output=True, text=True, check=True).stdout)
        rows = answer.get("rows") or []
        if not rows:
            return None
        row = max(rows, key=lambda each: sum(each["demand"]))
        start = row["start"]
        return str(row["pid"]), start if isinstance(start, str) else hex(start)

    def views(self):
        tierctl = self.start_daemon()
        commands = {"status": ["status"], "top": ["top"], "heat map": ["report", "heatmap"], "doctor": ["doctor"], "nodes": ["nodes"],
                    "events": ["events"], "forecast": ["report", "forecast"], "prefetch": ["prefetch", "status"], "help": ["--help"]}
        if hot := self.hottest(tierctl):
            commands["explain"] = ["explain", *hot]
        else:
            self.failed.append("explain: no region was sampled")
        terminal = Terminal(self.scratch)
        try:
            for name, words in commands.items():
                for width in WIDTHS:
                    self.view(terminal, name, [*tierctl, *words], words, width)
                    if name == "heat map":
                        self.view(terminal, "heat map without colour", [*tierctl, "--color", "never", *words], words, width)
        finally:
            terminal.close()

    def view(self, terminal, name, command, words, width):
        text, code = terminal.capture(command, width)
        file = f"{name.replace(' ', '-')}-{width}.txt"
        (self.out / file).write_text(plain(text))
        self.texts.append((name, width, "tierctl " + " ".join(words), to_html(text)))
        if code != 0:
            self.failed.append(f"{name} at {width} columns: exit code {code}")

    # --- pictures ---

    def run(self, name, command):
        done = subprocess.run([str(word) for word in command], capture_output=True, text=True, cwd=ROOT)
        if done.returncode != 0:
            self.failed.append(f"{name}: {(done.stderr or done.stdout).strip()[-300:]}")
        return done.returncode == 0

    def picture(self, name, file, title):
        if (self.out / file).exists():
            self.pictures.append((name, file, title))

    def heat(self, file, title, workload):
        if self.run(file, [self.program("tools/tier-sim/tier-sim"), "run", workload, "--plot", self.out / file]):
            self.picture("heat map", file, title)

    def suite(self, name, title, text):
        suite, results = self.scratch / f"{name}.toml", self.scratch / name
        suite.write_text(text)
        sim = self.program("tools/tier-sim/tier-sim")
        note(f"every policy on {title}")
        if self.run(name, [sim, "compare", suite, "--out", results]) and self.run(name, [sim, "report", results, "--plots", results / "plots"]):
            for kind in ("gaps", "costs"):
                shutil.copy(results / f"plots/{kind}.svg", self.out / f"{kind}-{name}.svg")
                self.picture(kind, f"{kind}-{name}.svg", title)

    def plots(self):
        note("the simulator's heat maps")
        self.heat("heat-generated.svg", "generated, two programs", "phases:footprint=1GiB,length=120s + zipf:footprint=512MiB,length=120s")
        recorded = sorted((ROOT / "tests/traces").glob("*.trace"))
        if recorded:
            self.heat("heat-recorded.svg", "recorded, repeated forty times", f"trace*40:{recorded[0]}")
            self.heat("heat-short.svg", "recorded, too short to judge", f"trace:{recorded[0]}")
        workloads = ['"gups-moving:footprint=512MiB,length=40s"', '"zipf:footprint=512MiB,length=40s"', '"scan:footprint=512MiB,length=40s + chase:footprint=256MiB,length=40s"']
        workloads += [f'"trace:{each}"' for each in recorded[:1]] + [f'"trace*10:{each}"' for each in recorded[:1]]
        lines = ["workloads = [" + ", ".join(workloads) + "]", 'machines = ["ddr5-cxl"]']
        self.suite("one-ratio", "one ratio", "\n".join([*lines, "ratios = [8]"]) + "\n")
        lines[0] = "workloads = [" + ", ".join(workloads[:2]) + "]"
        self.suite("ratios", "three ratios", "\n".join([*lines, "ratios = [2, 8, 16]"]) + "\n")
        if self.run("prefetch.svg", [self.program("tools/tier-sim/tier-sim"), "prefetch", "--seeds", "1", "--intervals", "120", "--plot", self.out / "prefetch.svg"]):
            self.picture("prefetch control", "prefetch.svg", "every rule on one scenario")
        note("a short fit of a forecaster")
        fit = self.scratch / "fit"
        if self.run("fit", [self.program("tools/tier-train/tier-train"), "fit", "--out", fit, "--per-generator", "1", "--mixtures", "1", "--per-recording", "0", "--steps", "60", "--judge-every", "20"]):
            for kind in ("loss", "families"):
                if (fit / f"{kind}.svg").exists():
                    shutil.copy(fit / f"{kind}.svg", self.out / f"{kind}.svg")
                    self.picture("tier-train fit", f"{kind}.svg", kind)

    # --- all together ---

    def index(self):
        page = ["<!doctype html><meta charset='utf-8'><title>Faces of tierd</title><style>body{font-family:sans-serif;margin:1.5em}"
                "pre{background:#111;color:#ddd;padding:.6em;display:inline-block;line-height:1.15;font-size:12px}img{max-width:100%;border:1px solid #ccc}</style>"
                "<h1>Faces of tierd</h1>"]
        if self.failed:
            page.append("<h2>Failed</h2><ul>" + "".join(f"<li>{html.escape(each)}</li>" for each in self.failed) + "</ul>")
        for name, width, command, text in self.texts:
            page.append(f"<h2>{html.escape(name)}, {width} columns</h2><p><code>{html.escape(command)}</code></p><pre style='width:{width}ch'>{text}</pre>")
        for name, file, title in self.pictures:
            page.append(f"<h2>{html.escape(name)}: {html.escape(title)}</h2><p><img src='{file}' alt='{html.escape(name)}'></p>")
        (self.out / "index.html").write_text("\n".join(page))


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    build, out = pathlib.Path(sys.argv[1]).resolve(), pathlib.Path(sys.argv[2]).resolve()
    out.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="tierd-faces-") as scratch:
        faces = Faces(build, out, pathlib.Path(scratch))
        try:
            faces.views()
        finally:
            faces.stop()
        faces.plots()
        faces.index()
    print(f"{len(faces.texts)} captures and {len(faces.pictures)} pictures: {out}/index.html")
    for each in faces.failed:
        print("failed: " + each)
    return 1 if faces.failed else 0


if __name__ == "__main__":
    sys.exit(main())
