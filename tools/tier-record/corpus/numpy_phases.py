"""Array work in phases: sort, gather, Fourier transforms, products of matrices, prefix sums. Argument: log2 of the elements."""

import sys

import numpy

size = 1 << int(sys.argv[1])
rng = numpy.random.default_rng(1)
values = rng.random(size)
order = rng.permutation(size)
for turn in range(2):
    sorted_values = numpy.sort(values)
    for _ in range(6):
        values = values[order]  # gather at random
    spectrum = numpy.fft.fft(values.reshape(-1, 1024)).real
    found = numpy.searchsorted(sorted_values, values[: size // 16])
    small = values[: 256 * 256].reshape(256, 256)
    product = small @ small
    for _ in range(6):
        running = numpy.cumsum(values)
        running *= 0.5
        values = values + running / running[-1]
    histogram, _ = numpy.histogram(values[: size // 4], bins=1000)
    print(turn, float(product.sum()), int(found.sum()), float(spectrum.sum()), int(histogram.sum()), flush=True)
