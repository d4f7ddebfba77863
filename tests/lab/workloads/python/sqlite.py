"""Look-ups in an SQLite table that lies in memory, the youngest rows asked for most.

usage: sqlite.py MIB SEED   an operation is one row
"""
import random
import sqlite3
import sys

import pace

ROW = 1800  # bytes; two rows to a page of 4 KiB
BATCH = 200
SKEW = 4  # half of all look-ups go to the youngest 16th of the rows

rows = int(sys.argv[1]) * 2**20 // 2048
chance = random.Random(int(sys.argv[2]))
database = sqlite3.connect(":memory:")
database.execute("create table item(id integer primary key, note blob)")
database.execute("with recursive n(i) as (select 1 union all select i + 1 from n where i < ?) insert into item select i, zeroblob(?) from n", (rows, ROW))
query = f"select max(note) from item where id in ({','.join('?' * BATCH)})"
pace.filled()
progress = pace.Progress()
while True:
    database.execute(query, [rows - int(rows * chance.random() ** SKEW) for _ in range(BATCH)]).fetchone()
    progress.add(BATCH)
