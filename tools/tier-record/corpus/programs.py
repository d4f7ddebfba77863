"""The programs of the corpus: one entry each, in the order of the table at the end."""

import dataclasses
import glob
import os
import shutil
import subprocess
from collections.abc import Callable

import inputs

HERE = os.path.dirname(os.path.abspath(__file__))
CACHE = os.environ.get("TIERD_CACHE") or os.path.join(
    os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "tierd"
)
# A user namespace in which root is nobody: for programs that refuse root.
NOBODY = ["unshare", "--user", "--map-user=65534", "--map-group=65534"]


@dataclasses.dataclass(frozen=True)
class Program:
    name: str
    about: str  # what it does, in phases
    packages: tuple[str, ...]  # Debian packages that must be installed
    command: Callable[[], list[str]]  # run in the folder of its inputs
    parallelism: float  # see tier-record --parallelism; the reason is in `overlap`
    overlap: str
    prepare: Callable[[], None] = lambda: None  # makes the inputs, in that folder
    interval: int = 50_000_000  # instructions
    most: int = 300  # intervals; the recording ends after so many
    scripts: tuple[str, ...] = ()  # files of this folder that it runs or reads
    version: int = 1  # raise it when what it prepares changes
    standard_input: str | None = None  # file
    companion: Callable[[], list[str]] | None = None  # runs beside it, not recorded
    as_nobody: bool = False
    preload: str | None = None  # C file of this folder, built and preloaded
    unpacked: Callable[[], dict[str, str]] = dict  # versions of what is not installed as a package


def script(name):
    return os.path.join(HERE, name)


def python():
    # The interpreter itself: emulation starts no scripts, and a link hides the version.
    return os.path.realpath("/usr/bin/python3")


def copied(name):
    shutil.copyfile(script(name), name)


def cc1plus():
    return sorted(glob.glob("/usr/lib/gcc/x86_64-linux-gnu/*/cc1plus"))[-1]


def preprocessed():
    inputs.source("big.cpp", 10)
    subprocess.run(["g++", "-std=c++17", "-E", "-P", "big.cpp", "-o", "big.ii"], check=True)


def redis_server():
    """Debian's redis-tools carries the server as redis-check-rdb; by its other name it serves. No service is installed."""
    if not os.path.lexists("redis-server"):
        os.symlink("/usr/bin/redis-check-rdb", "redis-server")


def postgres_folder():
    """The newest server that is installed or unpacked; unpacked, so that no service is installed and started."""
    found = sorted(glob.glob("/usr/lib/postgresql/*/bin/postgres")) or sorted(
        glob.glob(f"{CACHE}/postgresql/usr/lib/postgresql/*/bin/postgres")
    )
    if found:
        return os.path.dirname(found[-1])
    subprocess.run(["apt-get", "update", "-q"], check=False, stdout=subprocess.DEVNULL)
    listed = subprocess.run(["apt-cache", "depends", "postgresql"], check=True, capture_output=True, text=True).stdout
    package = next(word for word in listed.split() if word.startswith("postgresql-") and word[11:].isdigit())
    needed = subprocess.run(["apt-cache", "depends", package], check=True, capture_output=True, text=True).stdout
    libraries = [line.split()[1] for line in needed.splitlines() if line.strip().startswith("Depends: lib")]
    subprocess.run(["apt-get", "install", "-y", "-q", "--no-install-recommends", *libraries], check=True)
    target = f"{CACHE}/postgresql"
    os.makedirs(target, exist_ok=True)
    for name in (package, package.replace("postgresql-", "postgresql-client-")):
        subprocess.run(["apt-get", "-q", "download", name], check=True, cwd=target)
    for archive in glob.glob(f"{target}/*.deb"):
        subprocess.run(["dpkg-deb", "-x", archive, target], check=True)
        os.remove(archive)
    return postgres_folder()


def postgres_version():
    printed = subprocess.run([postgres_folder() + "/postgres", "--version"], check=True, capture_output=True, text=True)
    return {"postgresql": printed.stdout.split(maxsplit=2)[2].strip()}


def postgres_data():
    folder = postgres_folder()
    shutil.rmtree("data", ignore_errors=True)
    flags = ["-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "SQL_ASCII"]
    with open("initdb.log", "w", encoding="utf-8") as log:
        subprocess.run([*as_nobody(), folder + "/initdb", "-D", "data", *flags], check=True, stdout=log, stderr=log)
    inputs.postgres("fill.sql", "load.sql", 8)
    with open("fill.sql", "rb") as fill, open("fill.log", "w", encoding="utf-8") as log:
        subprocess.run([*as_nobody(), *postgres_command()], check=True, stdin=fill, stdout=log, stderr=log)


def as_nobody():
    return NOBODY if os.geteuid() == 0 else []


def postgres_command():
    settings = ["fsync=off", "shared_buffers=160MB", "shared_memory_type=mmap", "jit=off", "checkpoint_timeout=1h",
                "enable_hashjoin=off", "enable_mergejoin=off", "work_mem=128MB"]
    flags = [word for setting in settings for word in ("-c", setting)]
    return [postgres_folder() + "/postgres", "--single", "-j", "-D", "data", *flags, "postgres"]


def genome():
    inputs.genome("reference.fa", "reads.fq", megabases=24, read_count=50000, read_length=150)


PROGRAMS = (
    Program(
        "redis", "redis-server: fill, then Zipf-skewed reads and writes whose hot keys change place twice",
        ("redis-tools",),
        lambda: ["./redis-server", "--port", "0", "--unixsocket", "redis.sock", "--save", "",
                 "--enable-debug-command", "yes", "--activerehashing", "no", "--hz", "1"],
        2, "hash bucket, entry, object and value are found one from the other; requests are independent",
        prepare=redis_server,
        companion=lambda: [python(), script("redis_load.py"), "redis.sock", "400000", "400", "240000"],
        scripts=("redis_load.py",),
    ),
    Program(
        "postgres", "PostgreSQL, pgbench's tables: skewed transactions whose centre moves, index joins wide and narrow, scans, sorts",
        (), postgres_command,
        3, "index pages are walked one from the other, tuples and buffer headers beside each other",
        prepare=postgres_data, standard_input="load.sql", as_nobody=True, preload="no_timer.c", scripts=("no_timer.c",), unpacked=postgres_version,
    ),
    Program(
        "sqlite", "sqlite3: fill, index, skewed look-ups, aggregates, updates, a join, deletes",
        ("sqlite3",), lambda: ["/usr/bin/sqlite3", "-batch", "data.db"],
        2, "B-tree pages are walked one from the other",
        prepare=lambda: inputs.sql("load.sql", 450000), standard_input="load.sql", interval=80_000_000, most=220,
    ),
    Program(
        "numpy", "numpy: sort, gather, Fourier transforms, products, prefix sums, twice",
        ("python3-numpy",), lambda: [python(), script("numpy_phases.py"), "22"],
        8, "addresses come from arrays of indexes",
        scripts=("numpy_phases.py",),
    ),
    Program(
        "igraph", "igraph: build, breadth-first search, page rank, components, cores, communities of a scale-free graph",
        ("python3-igraph",), lambda: [python(), script("graph_phases.py"), "edges.bin"],
        6, "neighbours come from adjacency arrays",
        prepare=lambda: inputs.edges("edges.bin", 200000, 8),
        scripts=("graph_phases.py",),
    ),
    Program(
        "objects", "python3: a heap of small objects, built, walked along references, looked up with skew, half of it freed; three times",
        ("python3-minimal",), lambda: [python(), script("objects.py"), "250000"],
        1.5, "references are followed one after the other",
        scripts=("objects.py",),
    ),
    Program(
        "compiler", "GCC's cc1plus at -O2: parsing, templates, optimisation function by function",
        ("g++",), lambda: [cc1plus(), "-quiet", "-std=c++17", "-O2", "-fpreprocessed", "big.ii", "-o", "big.s"],
        2, "trees and instruction chains are walked by pointers",
        prepare=preprocessed,
    ),
    Program(
        "minimap2", "minimap2: index of a genome (sketch, sort, hash tables), then short reads are mapped",
        ("minimap2",), lambda: ["/usr/bin/minimap2", "-t", "1", "-x", "sr", "-K", "4M", "-a", "-o", "out.sam", "reference.fa", "reads.fq"],
        4, "look-ups of a read's minimizers are independent, within each bucket and position list they depend",
        prepare=genome,
    ),
    Program(
        "xz", "xz -7: Lempel-Ziv with binary trees over 16 MiB of history",
        ("xz-utils",), lambda: ["/usr/bin/xz", "-T1", "-7", "-k", "-f", "text"],
        1.5, "the match finder walks a binary tree",
        prepare=lambda: inputs.text("text", 20), interval=60_000_000, most=240,
    ),
    Program(
        "zstd", "zstd -6 with long-distance matching over a 128 MiB window",
        ("zstd",), lambda: ["/usr/bin/zstd", "-q", "-f", "--single-thread", "--long=27", "-6", "text"],
        4, "hash tables are looked up ahead, chains depend",
        prepare=lambda: inputs.text("text", 100),
    ),
    Program(
        "sort", "sort of lines with random keys: read, merge sort by pointers to lines, write",
        ("coreutils",), lambda: ["/usr/bin/sort", "--parallel=1", "-S", "400M", "-o", "sorted", "records"],
        4, "two lines are compared at a time, whose addresses are known",
        prepare=lambda: inputs.records("records", 1600000), interval=20_000_000,
    ),
    Program(
        "hpcc", "HPC Challenge on one process, in its own order from RandomAccess on, as far as the bound on intervals goes",
        ("hpcc",), lambda: ["/usr/bin/hpcc"],
        8, "arrays, and updates whose addresses are known ahead",
        prepare=lambda: copied("hpccinf.txt"), most=240,
        scripts=("hpccinf.txt",),
    ),
    Program(
        "lammps", "LAMMPS: a Lennard-Jones crystal melts and freezes; forces, neighbour lists, sorting of atoms",
        ("lammps",), lambda: ["/usr/bin/lmp", "-in", script("lammps.in"), "-log", "none", "-screen", "none"],
        6, "neighbours come from lists of indexes",
        interval=100_000_000, scripts=("lammps.in",),
    ),
    Program(
        "stress-ng", "stress-ng: four memory stressors side by side, each a process: search trees, a hash table, sorting, random writes",
        ("stress-ng",),
        lambda: ["/usr/bin/stress-ng", "--seed", "1", "-t", "0", "-q", "--tree", "1", "--tree-size", "250000", "--tree-ops", "2",
                 "--hsearch", "1", "--hsearch-size", "800000", "--hsearch-ops", "16", "--qsort", "1", "--qsort-size", "4194304",
                 "--qsort-ops", "1", "--vm", "1", "--vm-bytes", "64M", "--vm-keep", "--vm-method", "rand-set", "--vm-ops", "20000"],
        4, "trees are walked by pointers, the others' addresses are computed",
    ),
)
