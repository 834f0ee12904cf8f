"""Simulated models with a known truth, shared by the studies of coverage and of the K limit.

Question means are log-normal between questions, lengths log-normal within one; a composite of two
parts takes (1 + u) times the parts' sum, u drawn by one of several shapes.
"""

import math

import numpy as np

SHAPES = ("normal", "uniform", "constant", "half", "laplace")


def deviations(shape: str, size: float, n: int, rng: np.random.Generator) -> np.ndarray:
    """Relative deviations u of mean absolute value `size`, cut at -0.97."""
    if shape == "normal":
        u = rng.standard_normal(n) * size * math.sqrt(math.pi / 2)
    elif shape == "uniform":
        u = -2 * size * rng.random(n)
    elif shape == "constant":
        u = np.full(n, -size)
    elif shape == "half":
        # Half of the composites obey the law, half are far from it.
        u = np.where(rng.random(n) < 0.5, -2 * size, 0.0)
    else:
        u = rng.laplace(0, size, n)
    return np.maximum(u, -0.97)


def draw_tokens(
    u: np.ndarray,
    k: int,
    rng: np.random.Generator,
    *,
    spread: float = 0.5,
    question_spread: float = 0.7,
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Tokens `[n, 3, k]`, and the true parts' sum and composite, `[n]` each."""
    parts = 1000 * np.exp(question_spread * rng.standard_normal((len(u), 2)))
    parts_sum = parts.sum(axis=1)
    means = np.concatenate([parts, (parts_sum * (1 + u))[:, None]], axis=1)
    sigma = math.sqrt(math.log(1 + spread**2))
    noise = np.exp(sigma * rng.standard_normal((len(u), 3, k)) - sigma**2 / 2)
    return means[..., None] * noise, parts_sum, means[:, 2]


def draw_correct(n: int, k: int, rng: np.random.Generator, *, factor: float = 1.0) -> np.ndarray:
    """Grades `[n, 3, k]`: parts' accuracy Beta(3, 1), A(x12) = factor * A(x1) A(x2)."""
    parts = rng.beta(3, 1, size=(n, 2))
    accuracy = np.concatenate([parts, factor * parts.prod(axis=1, keepdims=True)], axis=1)
    return (rng.random((n, 3, k)) < accuracy[..., None]).astype(np.float64)
