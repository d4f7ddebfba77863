"""Neighbourhoods of two steps in a directed graph, by igraph: most edges lead to few vertices, as in networks of people or pages.

usage: graph.py VERTICES EDGES SEED   an operation is the neighbourhood of one vertex
"""
import sys

import igraph
import numpy
import pace

BATCH = 500
SKEW = 3  # half of all edges lead to an eighth of the vertices
PART = 1_750_000  # edges added at a time: igraph makes a list of pairs of them first, 140 bytes an edge

vertices, edges, seed = (int(word) for word in sys.argv[1:4])
chance = numpy.random.RandomState(seed)
graph = igraph.Graph(n=vertices, directed=True)
for first in range(0, edges, PART):
    count = min(PART, edges - first)
    ends = numpy.empty((count, 2), numpy.int64)
    ends[:, 0] = chance.randint(0, vertices, count)
    ends[:, 1] = vertices * chance.random_sample(count) ** SKEW
    graph.add_edges(ends)
pace.filled()
progress = pace.Progress()
while True:
    graph.neighborhood_size(vertices=chance.randint(0, vertices, BATCH).tolist(), order=2, mode="out")
    progress.add(BATCH)
