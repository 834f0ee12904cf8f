"""Speed of `CompoSelector.select_many` against a triple loop, and against compiled code.

    python benchmarks/selection.py [--composites 100000] [--sample 300]

Ragged columns, 80% of K answers right, log-normal lengths (median 1,800 tokens, sd of the log
0.7). The triple loop takes `len()` of token lists, as one writes it first; it runs on a sample of
the same composites. Times are CPU seconds of one thread, the best of three. Equality is asserted
first: with an exhaustive search, ties included, and in gap with the triple loop.
"""

import argparse
import ctypes
import itertools
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
from ratio import print_ratio

from hf_lore.selection import Choice, Choices, CompoSelector, RaggedLengths

C_SOURCE = """
#include <stdint.h>
#include <stdlib.h>
void brute(int64_t n, const int64_t **v, const int64_t **o, int64_t *gap) {
  for (int64_t r = 0; r < n; r++) {
    int64_t best = INT64_MAX;
    for (int64_t i = o[0][r]; i < o[0][r + 1]; i++)
      for (int64_t j = o[1][r]; j < o[1][r + 1]; j++) {
        int64_t sum = v[0][i] + v[1][j];
        for (int64_t k = o[2][r]; k < o[2][r + 1]; k++) {
          int64_t d = llabs(sum - v[2][k]);
          if (d < best) best = d;
        }
      }
    gap[r] = best == INT64_MAX ? -1 : best;
  }
}
"""


def columns(n: int, k: int, seed: int = 0) -> list[RaggedLengths]:
    rng = np.random.default_rng(seed)
    out = []
    for _ in range(3):
        offsets = np.concatenate([[0], np.cumsum(rng.binomial(k, 0.8, n))])
        tokens = np.rint(np.exp(7.5 + 0.7 * rng.standard_normal(offsets[-1]))).astype(np.int64)
        out.append(RaggedLengths(tokens, offsets))
    return out


def lists(cols: list[RaggedLengths], rows: int) -> list[list[list[int]]]:
    return [
        [c.values[c.offsets[row] : c.offsets[row + 1]].tolist() for c in cols]
        for row in range(rows)
    ]


def triple_loop(first: list[list[int]], second: list[list[int]], both: list[list[int]]) -> int:
    best = None
    for r1 in first:
        for r2 in second:
            for r12 in both:
                gap = abs(len(r1) + len(r2) - len(r12))
                if best is None or gap < best[0]:
                    best = (gap, r1, r2, r12)
    return -1 if best is None else best[0]


def exhaustive(rows: list[list[int]]) -> Choice | None:
    """The documented choice, ties included, by looking at everything."""
    if not all(rows):
        return None

    def rank(indices: tuple[int, ...]) -> tuple[int, int, tuple[int, ...]]:
        chosen = [row[i] for row, i in zip(rows, indices)]
        return abs(sum(chosen[:-1]) - chosen[-1]), sum(chosen), indices

    best = min(itertools.product(*(range(len(row)) for row in rows)), key=rank)
    return Choice(best, rank(best)[0])


def cpu_seconds(work: Callable[[], object], repeats: int = 3) -> float:
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def compiled(cols: list[RaggedLengths], chosen: Choices) -> float | None:
    """CPU seconds of brute force in C at -O3 -march=native, or None without a compiler."""
    compiler = shutil.which("cc")
    if compiler is None:
        return None
    with tempfile.TemporaryDirectory() as folder:
        source, library = Path(folder, "brute.c"), Path(folder, "brute.so")
        source.write_text(C_SOURCE)
        flags = ["-O3", "-march=native", "-shared", "-fPIC"]
        subprocess.run([compiler, *flags, "-o", str(library), str(source)], check=True)
        brute = ctypes.CDLL(str(library)).brute
    pointer = ctypes.POINTER(ctypes.c_int64)

    def pointers(arrays: list[np.ndarray]) -> ctypes.Array:
        return (pointer * 3)(*(a.ctypes.data_as(pointer) for a in arrays))

    gap = np.empty(len(chosen), dtype=np.int64)
    values, offsets = pointers([c.values for c in cols]), pointers([c.offsets for c in cols])
    out = gap.ctypes.data_as(pointer)
    seconds = cpu_seconds(lambda: brute(ctypes.c_int64(len(gap)), values, offsets, out))
    assert np.array_equal(gap, chosen.gap_tokens)
    return seconds


def measure(k: int, n: int, sample: int, at_least: float | None = None) -> float:
    """Prints one line, and the ratio where a floor is given; returns microseconds a composite."""
    cols = columns(n, k)
    selector = CompoSelector()
    chosen = selector.select_many(cols[:-1], cols[-1])
    rows = lists(cols, sample)
    for i, row in enumerate(rows[: max(5, 100_000 // k**3)]):
        assert chosen[i] == exhaustive(row), (i, chosen[i], exhaustive(row))
    texts = [[[[0] * length for length in role] for role in row] for row in rows]
    naive = [triple_loop(*row) for row in texts]
    assert naive == chosen.gap_tokens[:sample].tolist()
    loop = cpu_seconds(lambda: [triple_loop(*row) for row in texts]) / sample
    ours = cpu_seconds(lambda: selector.select_many(cols[:-1], cols[-1])) / n
    brute = compiled(cols, chosen)
    against = "no C compiler" if brute is None else f"{brute / n / ours:.2f} x"
    print(
        f"K = {k:2d}, {n:7,d} composites: {ours * 1e6:6.2f} us each, {loop / ours:4.0f} x the "
        f"triple loop ({loop * 1e6:8.1f} us), {against} brute force in C"
    )
    if at_least is not None:
        what = f"`CompoSelector.select_many`, K = {k}, {n:,} composites"
        print_ratio(what, f"triple loop in Python ({against} brute force in C)", loop / ours,
                    at_least=at_least)  # fmt: skip
    return ours * 1e6


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--composites", type=int, default=100_000)
    parser.add_argument("--sample", type=int, default=300)
    args = parser.parse_args()
    n = args.composites
    ratios = {
        k: measure(
            k, max(200, n * 8 // k // k * 8), args.sample * 8 // k, at_least=20 if k == 8 else None
        )
        for k in (4, 8, 16, 32)
    }
    ratios[64] = measure(64, max(200, n // 10), max(3, args.sample // 60), at_least=80)
    print("growth from one K to the next, and that of K^2 log K:")
    for low, high in itertools.pairwise(ratios):
        limit = high**2 * np.log(high) / (low**2 * np.log(low))
        print(f"  {low:2d} to {high:2d}: {ratios[high] / ratios[low]:5.2f}, {limit:5.2f}")
    grown = ratios[64] / ratios[8]
    limit = 64 * np.log(64) / np.log(8)
    print_ratio("its growth from K = 8 to 64", "that of K² log K", grown / limit, at_most=1)


if __name__ == "__main__":
    main()
