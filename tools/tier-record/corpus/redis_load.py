"""Loads the redis server under the recorder: fills it, then reads and writes keys by Zipf's law; the hot keys change place twice.

Arguments: socket, keys, bytes of a value, operations of each phase. Ends the server."""

import random
import socket
import sys
import time

PIPELINE = 200
THETA = 0.99


def connect(path):
    for _ in range(1200):
        try:
            peer = socket.socket(socket.AF_UNIX)
            peer.connect(path)
            return peer
        except OSError:
            time.sleep(0.05)
    raise SystemExit("redis_load: no server at " + path)


def command(*words):
    parts = [b"*%d\r\n" % len(words)]
    for word in words:
        parts.append(b"$%d\r\n%s\r\n" % (len(word), word))
    return b"".join(parts)


class Replies:
    def __init__(self, peer):
        self.file = peer.makefile("rb", buffering=1 << 20)

    def skip(self, count):
        for _ in range(count):
            head = self.file.readline()
            if head.startswith(b"-") or not head:
                raise SystemExit("redis_load: " + head.decode())
            if head.startswith(b"$") and not head.startswith(b"$-1"):
                self.file.read(int(head[1:]) + 2)


def ranks(rng, keys):
    """Zipf's law by Gray and others, "Quickly generating billion-record synthetic databases" (1994)."""
    zeta = sum(1 / (i**THETA) for i in range(1, keys + 1))
    eta = (1 - (2 / keys) ** (1 - THETA)) / (1 - (1 + 0.5**THETA) / zeta)
    while True:
        uniform = rng.random()
        if uniform * zeta < 1:
            yield 0
        elif uniform * zeta < 1 + 0.5**THETA:
            yield 1
        else:
            yield min(keys - 1, int(keys * (eta * uniform - eta + 1) ** (1 / (1 - THETA))))


def main():
    path, keys, size, operations = sys.argv[1], *map(int, sys.argv[2:5])
    rng = random.Random(1)
    peer = connect(path)
    replies = Replies(peer)
    peer.sendall(command(b"DEBUG", b"POPULATE", b"%d" % keys, b"key", b"%d" % size))
    replies.skip(1)
    rank, value = ranks(rng, keys), b"v" * size
    for phase in range(3):
        # The hot keys lie together, as those that were written at the same time do; each phase has others.
        base = rng.randrange(keys)
        for _ in range(operations // PIPELINE):
            batch = []
            for _ in range(PIPELINE):
                key = b"key:%d" % ((base + next(rank)) % keys)
                batch.append(command(b"SET", key, value) if rng.random() < 0.05 else command(b"GET", key))
            peer.sendall(b"".join(batch))
            replies.skip(PIPELINE)
        print("redis_load: phase", phase, "done", flush=True)
    peer.sendall(command(b"SHUTDOWN", b"NOSAVE"))


main()
