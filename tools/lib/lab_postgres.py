"""What the lab's PostgreSQL scenario carries into its guest: the server's programs and a database that is filled here, once."""

import os
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tools/tier-record/corpus"))
sys.dont_write_bytecode = True

import programs  # noqa: E402

ACCOUNTS = 2_400_000  # about 385 MiB with the index: all of the scenario's shared buffers, three times the least fast node that Linux takes
FILL = f"""CREATE TABLE pgbench_accounts(aid int, bid int, abalance int, filler char(84));

INSERT INTO pgbench_accounts SELECT i, 1, 0, '' FROM generate_series(1, {ACCOUNTS}) i;

ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);

VACUUM ANALYZE;

CHECKPOINT;

"""


def archive():
    """build/bench/postgres/data.tar.gz, made when it is missing or of other accounts; no server is installed and none is left running."""
    folder = ROOT / "build/bench/postgres"
    target, made_from = folder / "data.tar.gz", folder / "made-from"
    if target.exists() and made_from.exists() and made_from.read_text() == FILL:
        return target
    bin_folder = programs.postgres_folder()
    work = folder / "postgres"
    shutil.rmtree(folder, ignore_errors=True)
    work.mkdir(parents=True)
    flags = ["-U", "postgres", "-A", "trust", "--no-sync", "--locale=C", "-E", "SQL_ASCII", "--wal-segsize=1"]
    settings = ["fsync=off", "shared_buffers=256MB", "min_wal_size=2MB", "max_wal_size=4MB", "wal_level=minimal", "max_wal_senders=0"]
    server = [bin_folder + "/postgres", "--single", "-j", "-D", "data", *(word for each in settings for word in ("-c", each)), "postgres"]
    with open(folder / "make.log", "wb") as log:
        def run(command, **more):
            subprocess.run([*programs.as_nobody(), *command], check=True, cwd=work, stdout=log, stderr=log, **more)
        run([bin_folder + "/initdb", "-D", "data", *flags])
        # What initdb found of this machine, its time zone above all, the guest may lack.
        (work / "data/postgresql.conf").write_text("timezone = GMT\nlog_timezone = GMT\n")
        run(server, input=FILL.encode())
    # Names of time zones are read at the start; the rest of the folder is not needed to serve.
    share = share_folder(bin_folder)
    half = folder / "data.tar.gz.new"
    tar = ["tar", "--owner=65534", "--group=65534", "--numeric-owner", "-czf", str(half), "-C", str(folder), "postgres"]
    for name in ("timezonesets", "timezone"):
        if os.path.isdir(share + "/" + name):
            tar += ["--transform", f"s,^{share.lstrip('/')},usr/share/postgresql/{version(bin_folder)},", "-C", "/", share.lstrip("/") + "/" + name]
    subprocess.run(tar, check=True)
    half.rename(target)
    made_from.write_text(FILL)
    shutil.rmtree(work)
    return target


def version(bin_folder):
    return pathlib.Path(bin_folder).parent.name


def share_folder(bin_folder):
    """…/usr/lib/postgresql/15/bin → …/usr/share/postgresql/15."""
    return str(pathlib.Path(bin_folder).parents[3] / "share/postgresql" / version(bin_folder))


def overrides():
    """Options of tier-lab for the scenario: which programs, which archive."""
    bin_folder = programs.postgres_folder()
    archive()
    return ("--set", f'image.binaries=["{bin_folder}/postgres","{bin_folder}/pgbench"]')
