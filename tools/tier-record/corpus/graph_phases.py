"""Graph work in phases: build, breadth-first search, page rank, components, cores, communities. Argument: file of pairs."""

import array
import sys

import igraph

with open(sys.argv[1], "rb") as file:
    ends = array.array("I", file.read())
edges = list(zip(ends[::2], ends[1::2]))
graph = igraph.Graph(edges=edges)
del edges, ends
print("build", graph.vcount(), graph.ecount(), flush=True)
for start in (0, 1000, 50000):
    print("bfs", len(graph.bfs(start)[0]), flush=True)
print("rank", max(graph.pagerank(implementation="prpack")), flush=True)
print("components", len(graph.connected_components()), flush=True)
print("cores", max(graph.coreness()), flush=True)
print("distances", sum(graph.distances(source=[7])[0]), flush=True)
print("communities", len(graph.community_label_propagation()), flush=True)
