"""Which estimate of nMAD for K to infinity is least biased, over simulated models.

    python benchmarks/nmad_limit.py [--repetitions 40]

250 composites, lengths that vary by half within a question, deviations of five shapes and true
values from 0 to 0.45. Estimates: nMAD as it is; nMAD less its floor; the root of their difference
of squares (the one in use); a normal model of the relative deviations; a mixture model of them on a
grid; and nMAD^2 = a + b / k over growing sub-samples of the draws. Prints mean error (bias) and
root mean squared error over all shapes, by true value and K.
"""

import argparse
import math
from collections.abc import Callable

import numpy as np
from simulated_models import SHAPES, deviations, draw_tokens

from hf_lore.laws import nmad, nmad_limit, noise_floor
from hf_lore.laws.draws import compute_sums
from hf_lore.laws.floor import mean_and_variance


def expected_abs(mean: float, sd: float) -> float:
    """E|N(mean, sd^2)|."""
    if sd == 0:
        return abs(mean)
    z = mean / sd
    return sd * math.sqrt(2 / math.pi) * math.exp(-z * z / 2) + mean * math.erf(z / math.sqrt(2))


def relative(tokens: np.ndarray) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Relative deviations, their noise variance from each role's pooled spread, the parts' sums."""
    mean, error, size = mean_and_variance(tokens)
    spread = (error * size).sum(axis=0) / (mean**2).sum(axis=0)
    parts_sum, composed = compute_sums(tokens)
    noise = (spread * mean**2 / size).sum(axis=1) / parts_sum**2
    return (composed - parts_sum) / parts_sum, noise, parts_sum


def normal_model(tokens: np.ndarray) -> float:
    u, noise, _ = relative(tokens)
    mean, variance = float(u.mean()), max(float(u.var() - noise.mean()), 1e-4)
    for _ in range(200):
        shrink = variance / (variance + noise)
        centre = mean + shrink * (u - mean)
        mean = float(centre.mean())
        variance = float(((centre - mean) ** 2 + shrink * noise).mean())
    return expected_abs(mean, math.sqrt(variance))


def mixture_model(tokens: np.ndarray) -> float:
    u, noise, parts_sum = relative(tokens)
    grid = np.linspace(min(-1.0, float(u.min())), max(0.5, float(u.max())), 161)
    likelihood = np.exp(-((u[:, None] - grid) ** 2) / (2 * noise[:, None])) + 1e-300
    weights = np.full(len(grid), 1 / len(grid))
    posterior = likelihood
    for _ in range(200):
        posterior = likelihood * weights
        posterior /= posterior.sum(axis=1, keepdims=True)
        weights = posterior.mean(axis=0)
    return float(parts_sum @ (posterior @ np.abs(grid)) / parts_sum.sum())


def growing(tokens: np.ndarray, rng: np.random.Generator) -> float:
    k = tokens.shape[2]
    sizes = [size for size in (1, 2, 4, 8, 16, 32, 64) if size <= k]
    squares = []
    for size in sizes:
        values = []
        for _ in range(1 if size == k else 10):
            pick = rng.random(tokens.shape).argsort(axis=2)[:, :, :size]
            values.append(nmad(*compute_sums(np.take_along_axis(tokens, pick, axis=2))))
        squares.append(np.mean(values) ** 2)
    weight = np.sqrt(sizes)
    design = np.stack([np.ones(len(sizes)), 1 / np.array(sizes)], axis=1) * weight[:, None]
    return math.sqrt(max(0.0, np.linalg.lstsq(design, np.array(squares) * weight)[0][0]))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=40)
    reps = parser.parse_args().repetitions
    rng = np.random.default_rng(0)

    def at_k(tokens: np.ndarray) -> tuple[float, float]:
        return nmad(*compute_sums(tokens)), noise_floor(tokens)

    estimates: dict[str, Callable[[np.ndarray], float]] = {
        "plain": lambda t: at_k(t)[0],
        "less floor": lambda t: at_k(t)[0] - at_k(t)[1],
        "in squares": lambda t: nmad_limit(*at_k(t)),
        "normal": normal_model,
        "mixture": mixture_model,
        "growing": lambda t: growing(t, rng),
    }
    print("mean error / root mean squared error of each estimate; worst bias by shape for ours")
    print("truth    K  " + "".join(f"{name:>17s}" for name in estimates))
    for size in (0.0, 0.1, 0.3, 0.45):
        for k in (2, 4, 8, 16, 64):
            errors: dict[str, list[float]] = {name: [] for name in estimates}
            by_shape = {}
            for shape in SHAPES if size else SHAPES[:1]:
                before = len(errors["plain"])
                for _ in range(reps if k < 64 else max(4, reps // 5)):
                    tokens, true_sum, true = draw_tokens(deviations(shape, size, 250, rng), k, rng)
                    truth = float(np.abs(true - true_sum).sum() / true_sum.sum())
                    for name, estimate in estimates.items():
                        errors[name].append(estimate(tokens) - truth)
                by_shape[shape] = float(np.mean(errors["in squares"][before:]))
            cells = (
                f"{np.mean(e):+9.3f} / {np.sqrt(np.mean(np.square(e))):.3f}"
                for e in errors.values()
            )
            worst = max(by_shape, key=lambda shape: abs(by_shape[shape]))
            print(
                f"{size:5.2f} {k:4d}  " + "".join(cells) + f"   {worst} {by_shape[worst]:+.3f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
