"""Jacobi sweeps of five points over two grids of single-precision numbers, by numpy: streams, and no part hotter than another.

usage: stencil.py MIB   of both grids together; an operation is one cell
"""
import sys

import numpy
import pace

BLOCK = 8  # rows at a time: what one block touches stays in a cache

side = int((int(sys.argv[1]) * 2**20 / 8) ** 0.5)
here, there = numpy.ones((side, side), numpy.float32), numpy.ones((side, side), numpy.float32)
pace.filled()
progress = pace.Progress()
while True:
    for top in range(1, side - 1, BLOCK):
        end = min(top + BLOCK, side - 1)
        cells = there[top:end, 1:-1]
        numpy.add(here[top - 1:end - 1, 1:-1], here[top + 1:end + 1, 1:-1], out=cells)
        cells += here[top:end, :-2]
        cells += here[top:end, 2:]
        cells *= 0.25
        progress.add(cells.size)
    here, there = there, here
