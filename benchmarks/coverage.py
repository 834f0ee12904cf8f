"""How often the 95% intervals of the laws cover the truth, over simulated models.

    python benchmarks/coverage.py [--repetitions 1000]

The truth of a score at K is its value over 500,000 composites (or 5,000 families) at that K; the
truth of the K limit comes from the model itself. Prints one line a score: coverage, with the Monte
Carlo error of it, mean estimate, truth, mean width.
"""

import argparse
import math
from collections.abc import Callable

import numpy as np
from simulated_models import deviations, draw_correct, draw_tokens

from hf_lore.laws import (
    Draws,
    LawScore,
    fit_accuracy_law,
    fit_compute_law,
    score_monotonicity,
)
from hf_lore.laws.accuracy import log_accuracy
from hf_lore.laws.bootstrap import RatioEstimate, ratio_contrast
from hf_lore.laws.deviation import nmad, proportional_slope, signed_deviation
from hf_lore.laws.draws import compute_sums
from hf_lore.laws.limit import limit_score

Scores = dict[str, LawScore | RatioEstimate]


def report(
    title: str, truth: dict[str, float], once: Callable[[np.random.Generator], Scores], reps: int
) -> None:
    seeds = np.random.SeedSequence(1).spawn(reps)
    rows = [once(np.random.default_rng(seed)) for seed in seeds]
    print(title)
    for name, true in truth.items():
        scores = [row[name] for row in rows]
        low, high = (np.array([getattr(s, end) for s in scores]) for end in ("ci_low", "ci_high"))
        covered = float(np.mean((low <= true) & (true <= high)))
        error = math.sqrt(covered * (1 - covered) / reps)
        print(
            f"  {name:22s} {100 * covered:5.1f}% +- {100 * error:.1f}   mean "
            f"{np.mean([s.value for s in scores]):+.4f}  truth {true:+.4f}  width "
            f"{np.mean(high - low):.4f}",
            flush=True,
        )


def compositionality(shape: str, size: float, factor: float, n: int, k: int, reps: int) -> None:
    rng = np.random.default_rng(0)
    sums, composed, logs, logs_composed, gaps, scale = [], [], [], [], 0.0, 0.0
    for _ in range(50):
        u = deviations(shape, size, 10_000, rng)
        tokens, true_sum, true_composed = draw_tokens(u, k, rng)
        one, two = compute_sums(tokens)
        sums.append(one)
        composed.append(two)
        log = log_accuracy(draw_correct(10_000, k, rng, factor=factor).sum(axis=2), k)
        logs.append(log[:, :2].sum(axis=1))
        logs_composed.append(log[:, 2])
        gaps += float(np.abs(true_composed - true_sum).sum())
        scale += float(true_sum.sum())
    x, y = np.concatenate(sums), np.concatenate(composed)
    a, b = np.concatenate(logs), np.concatenate(logs_composed)
    truth = {
        "nmad_compute": nmad(x, y),
        "signed_deviation": signed_deviation(x, y),
        "slope": proportional_slope(x, y)[0],
        "nmad_log_accuracy": nmad(a, b),
        "nmad_compute_limit": gaps / scale,
    }

    def once(rng: np.random.Generator) -> Scores:
        tokens, _, _ = draw_tokens(deviations(shape, size, n, rng), k, rng)
        draws = Draws(tokens, draw_correct(n, k, rng, factor=factor))
        seed = int(rng.integers(2**31))
        x, y = compute_sums(draws.tokens)
        log = log_accuracy(draws.correct.sum(axis=2), k)
        log_sum = log[:, :2].sum(axis=1)
        # The columns of `score_compositionality`, without the scores that are not studied here.
        ratios = {
            "nmad_compute": (np.abs(y - x), x),
            "signed_deviation": (y - x, x),
            "slope": (x * y, x * x),
            "nmad_log_accuracy": (np.abs(log[:, 2] - log_sum), np.abs(log_sum)),
        }
        scores: Scores = {name: ratio_contrast(*cols, seed=seed) for name, cols in ratios.items()}
        scores["nmad_compute_limit"] = limit_score(draws, seed=seed)
        return scores

    report(f"{shape} deviations of {size}, n = {n}, K = {k}", truth, once, reps)


def fits(families: int, reps: int) -> None:
    steps = np.arange(1, 31, 3)

    def model(n: int, rng: np.random.Generator) -> tuple[np.ndarray, ...]:
        alpha = 60 * np.exp(0.4 * rng.standard_normal((n, 1)))
        rate = 0.03 * np.exp(0.5 * rng.standard_normal((n, 1)))
        tokens = (100 + alpha * steps) * np.exp(0.2 * rng.standard_normal((n, len(steps))))
        return tokens, rng.binomial(8, np.exp(-rate * steps))

    def fit(n: int, rng: np.random.Generator) -> Scores:
        tokens, right = model(n, rng)
        x, names = np.tile(steps, n), np.repeat(np.arange(n), len(steps)).tolist()
        seed = int(rng.integers(2**31))
        alpha = fit_compute_law(x, tokens.ravel(), names, seed=seed).alpha
        rate = fit_accuracy_law(x, right.ravel(), np.full(len(x), 8), names, seed=seed).rate
        return {"alpha": alpha, "lambda": rate}

    large = [fit(2000, np.random.default_rng((5, i))) for i in range(5)]
    truth = {name: float(np.mean([row[name].value for row in large])) for name in large[0]}
    report(
        f"fits, {families} families of different slope and rate",
        truth,
        lambda r: fit(families, r),
        reps,
    )


def monotonicity(families: int, reps: int) -> None:
    steps = np.arange(1, 31)

    def model(n: int, rng: np.random.Generator) -> Scores:
        alpha = 60 * np.exp(0.4 * rng.standard_normal((n, 1)))
        # Some families level off, so that the truth is not 1.
        knee = rng.uniform(5, 40, (n, 1))
        mean = 300 + alpha * np.minimum(steps, knee)
        tokens = mean * np.exp(0.4 * rng.standard_normal((n, len(steps))))
        rate = 0.03 * np.exp(0.5 * rng.standard_normal((n, 1)))
        accuracy = rng.binomial(8, np.exp(-rate * steps)) / 8
        scores = score_monotonicity(steps, tokens, accuracy, seed=int(rng.integers(2**31)))
        return {score.name: score for score in scores}

    large = model(5000, np.random.default_rng(7))
    truth = {name: score.value for name, score in large.items()}
    report(f"Spearman, {families} families, K = 8", truth, lambda r: model(families, r), reps)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1000)
    reps = parser.parse_args().repetitions
    compositionality("normal", 0.0, 1.0, 250, 8, reps)
    compositionality("uniform", 0.3, 0.7, 250, 8, reps)
    compositionality("normal", 0.3, 0.7, 200, 2, reps)
    compositionality("half", 0.3, 1.0, 250, 8, reps)
    fits(200, reps)
    for families in (10, 40, 200):
        monotonicity(families, reps // 4)


if __name__ == "__main__":
    main()
