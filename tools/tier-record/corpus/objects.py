"""A heap of small Python objects: built, walked along references, looked up with skew, partly freed and built anew."""

import random
import sys

COUNT = int(sys.argv[1])
rng = random.Random(1)


class Node:
    __slots__ = ("key", "next", "payload")

    def __init__(self, key, following):
        self.key, self.next, self.payload = key, following, str(key) * 2


for generation in range(3):
    chain, table = None, {}
    keys = list(range(COUNT))
    rng.shuffle(keys)
    for key in keys:
        chain = table[key] = Node(key, chain)
    total, node = 0, chain
    while node is not None:
        total, node = total + node.key, node.next
    centre = rng.randrange(COUNT)
    for _ in range(COUNT):
        total += len(table[(centre + int(rng.paretovariate(0.4))) % COUNT].payload)
    for key in keys[: COUNT // 2]:
        del table[key]
    print(generation, total, len(table), flush=True)
