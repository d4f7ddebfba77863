"""Makes the inputs of the corpus: the same bytes for the same seed, from Python's own generator alone."""

import random
import struct

SEED = 1
VERSION = 1  # raise it when inputs change


def text(path, megabytes):
    """Words by Zipf's law in lines, in chapters that come back now and then: compressible near and far."""
    rng = random.Random(SEED)
    letters = "etaoinshrdlcumwfgypbvk"
    words = ["".join(rng.choices(letters, k=rng.randint(2, 11))) for _ in range(30000)]
    weights = [1 / (rank + 2) for rank in range(len(words))]
    chapters = []
    with open(path, "w", encoding="ascii") as out:
        while out.tell() < megabytes << 20:
            if chapters and rng.random() < 0.2:
                out.write(rng.choice(chapters))
                continue
            chosen = rng.choices(words, weights, k=20000)
            lines = [" ".join(chosen[i : i + 10]) for i in range(0, len(chosen), 10)]
            chapter = "\n".join(f"{line} {rng.randrange(10**6)}" for line in lines) + "\n"
            chapters.append(chapter)
            out.write(chapter)


def records(path, lines):
    """Lines with a random key, for sorting."""
    rng = random.Random(SEED)
    with open(path, "w", encoding="ascii") as out:
        for number in range(lines):
            out.write(f"{rng.getrandbits(64):016x} {number:08d} record\n")


_BASES = bytes(b"ACGT"[value & 3] for value in range(256))
_COMPLEMENT = bytes.maketrans(b"ACGT", b"TGCA")


def genome(reference, reads, megabases, read_count, read_length):
    """A random genome with repeats, and reads from it with one letter in twenty changed."""
    rng = random.Random(SEED)
    sequence = bytearray(rng.randbytes(megabases * 10**6).translate(_BASES))
    for _ in range(megabases * 4):
        source, target = rng.randrange(len(sequence) - 5000), rng.randrange(len(sequence) - 5000)
        sequence[target : target + 2000] = sequence[source : source + 2000]
    with open(reference, "wb") as out:
        out.write(b">chromosome\n")
        for start in range(0, len(sequence), 100):
            out.write(bytes(sequence[start : start + 100]) + b"\n")
    with open(reads, "wb") as out:
        for number in range(read_count):
            start = rng.randrange(len(sequence) - read_length)
            read = bytearray(sequence[start : start + read_length])
            for _ in range(read_length // 20):
                read[rng.randrange(read_length)] = b"ACGT"[rng.randrange(4)]
            if rng.random() < 0.5:
                read = read.translate(_COMPLEMENT)[::-1]
            out.write(b"@read%d\n%s\n+\n%s\n" % (number, read, b"5" * read_length))


def source(path, copies):
    """A C++ file with many templates and functions to optimise, from the standard library alone."""
    rng = random.Random(SEED)
    with open(path, "w", encoding="ascii") as out:
        out.write("#include <algorithm>\n#include <functional>\n#include <map>\n#include <regex>\n#include <string>\n")
        out.write("#include <unordered_map>\n#include <vector>\n#include <variant>\n#include <tuple>\n")
        for number in range(copies):
            field, factor = rng.randint(2, 9), rng.randint(3, 999)
            out.write(
                f"struct T{number} {{ int a[{field}]; std::string s; bool operator<(const T{number}& o) const "
                f"{{ return s < o.s; }} }};\n"
                f"int f{number}(std::vector<T{number}>& v, std::map<std::string, T{number}>& m) {{\n"
                f"  std::sort(v.begin(), v.end()); std::unordered_map<int, std::vector<T{number}>> u;\n"
                f"  for (auto& t : v) {{ m[t.s] = t; u[t.a[0] % {factor}].push_back(t); }}\n"
                f"  std::function<int(const T{number}&)> g = [&](const T{number}& t) {{ int r = 0;"
                f" for (int x : t.a) r += x * {factor}; return r; }};\n"
                f"  int sum = 0; for (auto& [k, list] : u) for (auto& t : list) sum += g(t);\n"
                f"  std::variant<int, std::string, T{number}> w = v.front();\n"
                f"  return sum + std::visit([](auto& x) {{ return int(sizeof x); }}, w);\n}}\n"
            )


def sql(path, rows):
    """Fills, indexes, looks up with skew, joins, updates, deletes: for sqlite3."""
    rng = random.Random(SEED)
    with open(path, "w", encoding="ascii") as out:
        out.write("PRAGMA journal_mode=OFF; PRAGMA cache_size=-400000; PRAGMA temp_store=MEMORY;\n")
        out.write("CREATE TABLE item(id INTEGER PRIMARY KEY, k INTEGER, owner INTEGER, body TEXT);\nBEGIN;\n")
        out.write(
            f"WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i+1 FROM n WHERE i < {rows - 1}) "
            "INSERT INTO item SELECT i, (i * 2654435761) % 4294967296, (i * 40503) % 5003, "
            "printf('%0120d', i * 7919) FROM n;\nCOMMIT;\nCREATE INDEX by_k ON item(k);\n"
        )
        for phase in range(3):
            base = rng.randrange(rows)
            for _ in range(12000):
                row = (base + int(rng.paretovariate(0.6))) % rows
                out.write(f"SELECT length(body) FROM item WHERE k = {row * 2654435761 % 4294967296};\n")
            out.write("SELECT owner, count(*), max(k) FROM item GROUP BY owner ORDER BY 2 DESC LIMIT 5;\n")
            out.write(f"UPDATE item SET body = printf('%0120d', k) WHERE id % 7 = {phase};\n")
        out.write("CREATE INDEX by_owner ON item(owner);\n")
        out.write(f"SELECT count(*) FROM item a JOIN item b ON b.id = (a.k % {rows}) WHERE a.owner < 900;\n")
        out.write("DELETE FROM item WHERE owner % 3 = 0;\nSELECT sum(length(body)) FROM item;\n")


def postgres(fill_path, load_path, scale):
    """What pgbench does, for a single-user server: its tables; then transactions by Pareto's law whose centre moves, look-ups, scans, sorts."""
    rng = random.Random(SEED)
    accounts = scale * 100000
    with open(fill_path, "w", encoding="ascii") as out:
        out.write("CREATE TABLE pgbench_history(tid int, bid int, aid int, delta int, mtime timestamp);\n\n")
        out.write("CREATE TABLE pgbench_accounts(aid int, bid int, abalance int, filler char(84)) WITH (fillfactor=90);\n\n")
        out.write(
            "INSERT INTO pgbench_accounts SELECT i, (i - 1) / 100000 + 1, 0, '' "
            f"FROM generate_series(1, {accounts}) i;\n\n"
        )
        out.write("ALTER TABLE pgbench_accounts ADD PRIMARY KEY (aid);\n\nVACUUM ANALYZE;\n\nCHECKPOINT;\n\n")
    with open(load_path, "w", encoding="ascii") as out:
        for phase in range(3):
            base = rng.randrange(accounts)
            for _ in range(1200):
                account = (base + int(rng.paretovariate(0.5))) % accounts + 1
                delta, teller = rng.randint(-5000, 5000), rng.randint(1, scale * 10)
                out.write(f"UPDATE pgbench_accounts SET abalance = abalance + {delta} WHERE aid = {account};\n\n")
                out.write(f"SELECT abalance FROM pgbench_accounts WHERE aid = {account};\n\n")
                out.write(f"INSERT INTO pgbench_history VALUES ({teller}, 1, {account}, {delta}, CURRENT_TIMESTAMP);\n\n")
            # Many look-ups in one statement: first all over the table, then nearly all in a tenth of it.
            for spread in (accounts, accounts // 10):
                out.write(
                    f"SELECT sum(abalance) FROM generate_series(1, 120000) g JOIN pgbench_accounts ON "
                    f"aid = 1 + (({base} + (g::bigint * 2654435761) % {spread}) % {accounts});\n\n"
                )
            out.write("SELECT bid, sum(abalance), count(*) FROM pgbench_accounts GROUP BY bid;\n\n")
            out.write(
                "SELECT count(*) FROM (SELECT filler, abalance FROM pgbench_accounts "
                f"WHERE bid % 3 = {phase} ORDER BY (aid::bigint * 40503) % 65537) sorted;\n\n"
            )


def edges(path, vertices, degree):
    """A graph that grows by preference (Barabási and Albert): pairs of 32-bit numbers."""
    rng = random.Random(SEED)
    ends = [0]
    with open(path, "wb") as out:
        for vertex in range(1, vertices):
            for _ in range(degree):
                other = ends[rng.randrange(len(ends))] if rng.random() < 0.8 else rng.randrange(vertex)
                out.write(struct.pack("<II", vertex, other))
                ends.append(other)
            ends.append(vertex)
