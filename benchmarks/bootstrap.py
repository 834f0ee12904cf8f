"""Bootstrap of the compositionality scores at scale, against a vectorised numpy gather loop.

    python benchmarks/bootstrap.py [--rows 1000000] [--draws 1000] [--sample 30]

Both resample the columns of nMAD and the signed deviation. The gather loop draws row numbers with
numpy's fastest generator, gathers each column and sums; it runs `--sample` resamples and is scaled
up. Wall-clock seconds, both in the same run; ours on one worker and on all cores. Equality on the
same weights is asserted first, against `numpy.repeat`, and the peak memory of ours is printed.
"""

import argparse
import os
import resource
import time

import numpy as np
from ratio import print_ratio

from hf_lore.laws.bootstrap import bootstrap_sums, bootstrap_weights


def columns(n: int) -> np.ndarray:
    rng = np.random.default_rng(0)
    parts_sum = np.exp(8 + 0.5 * rng.standard_normal(n))
    gap = parts_sum * (-0.2 + 0.3 * rng.standard_normal(n))
    return np.stack([np.abs(gap), gap, parts_sum], axis=1)


def gather_loop(values: np.ndarray, draws: int) -> np.ndarray:
    rng = np.random.Generator(np.random.SFC64(0))
    cols = [np.ascontiguousarray(c) for c in values.T]
    out = np.empty((draws, len(cols)))
    for draw in range(draws):
        rows = rng.integers(0, len(values), len(values), dtype=np.uint32)
        out[draw] = [c[rows].sum() for c in cols]
    return out


def assert_equal() -> None:
    """The same weights, as repeated rows: the sums that a gather of those rows gives."""
    values = columns(10_000)
    sums = bootstrap_sums(values, 20, seed=3)
    for weights, ours in zip(bootstrap_weights(len(values), 20, seed=3), sums):
        gathered = values[np.repeat(np.arange(len(values)), weights.astype(np.int64))].sum(axis=0)
        np.testing.assert_allclose(ours, gathered, rtol=1e-12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--draws", type=int, default=1000)
    parser.add_argument("--sample", type=int, default=30)
    args = parser.parse_args()
    assert_equal()
    values = columns(args.rows)
    start = time.perf_counter()
    gathered = gather_loop(values, args.sample)
    naive = (time.perf_counter() - start) * args.draws / args.sample
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"{args.rows:,d} rows x {args.draws:,d} resamples, 3 columns")
    print(f"gather loop, 1 core: {naive:6.1f} s ({args.sample} resamples, scaled up)")
    for workers in dict.fromkeys((1, os.cpu_count() or 1)):
        start = time.perf_counter()
        sums = bootstrap_sums(values, args.draws, workers=workers)
        ours = time.perf_counter() - start
        print(f"ours, {workers} worker(s):   {ours:6.1f} s, {naive / ours:5.1f} x the gather loop")
        if workers == 1:
            what = f"bootstrap of the laws, {args.rows:,d} triplets, {args.draws:,d} draws"
            print_ratio(what, "vectorised numpy gather loop", naive / ours, at_least=2)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(f"peak memory: {peak / 1024:.0f} MB, {(peak - before) / 1024:.0f} MB above the data")
    gap, _, scale = values.T
    residual = gap - gap.sum() / scale.sum() * scale
    exact = np.sqrt(residual @ residual) / scale.sum()
    print(f"standard error of nMAD: linearised {exact:.3e}, ours {_spread(sums):.3e}")
    print(f"                        gather loop {_spread(gathered):.3e} from few resamples")


def _spread(sums: np.ndarray) -> float:
    return float(np.std(sums[:, 0] / sums[:, 2]))


if __name__ == "__main__":
    main()
