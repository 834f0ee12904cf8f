"""The bootstrap against its own weights, the formulas for large samples, and simulated coverage."""

import math

import numpy as np
import pytest

from hf_lore.laws.bootstrap import bootstrap_sums, bootstrap_weights, ratio_contrast


def skewed(n, rng):
    """A ratio with heavy tails: parts' sum, and |deviation| a share of it."""
    scale = np.exp(7 + 0.7 * rng.standard_normal(n))
    return scale * np.abs(-0.2 + 0.3 * rng.standard_normal(n)), scale


@pytest.mark.parametrize("n", [1, 7, 4096, 9001])
def test_sums_are_weights_times_columns(n):
    columns = np.random.default_rng(n).random((n, 3))
    expected = bootstrap_weights(n, 70, seed=5) @ columns
    for workers in (1, 2, 5):
        sums = bootstrap_sums(columns, 70, seed=5, workers=workers)
        np.testing.assert_allclose(sums, expected, rtol=1e-12)


def test_weights_have_mean_one_and_variance_one():
    weights = bootstrap_weights(5000, 200, seed=1)
    # A million weights: the mean is known to 0.001, the variance to √(2.9 / 10⁶) = 0.0017.
    assert weights.mean() == pytest.approx(1.0, abs=0.004)
    assert weights.var() == pytest.approx(1.0, abs=0.007)
    assert set(np.unique(weights)) == {0.0, 1.0, 2.0, 3.0, 4.0, 5.0}
    # Rows, draws and seeds share nothing.
    assert abs(np.corrcoef(weights[:, 0], weights[:, 4097])[0, 1]) < 0.3
    assert not np.array_equal(weights, bootstrap_weights(5000, 200, seed=2))


def test_a_ratio_by_hand():
    # Σa / Σb = 6 / 4 = 1.5; residuals 1 − 1.5, 5 − 4.5 → −0.5, 0.5; se √(0.5)/4 · √(2/1) = 0.25.
    estimate = ratio_contrast([1.0, 5.0], [1.0, 3.0])
    assert estimate.value == 1.5
    assert estimate.standard_error == pytest.approx(0.25)


def test_what_cannot_be_estimated_is_nan():
    assert math.isnan(ratio_contrast([], []).value)
    assert math.isnan(ratio_contrast([1.0, 1.0], [0.0, 0.0]).value)
    single = ratio_contrast([1.0], [2.0])
    assert single.value == 0.5
    assert math.isnan(single.ci_low)
    # No spread at all: the interval is the point.
    constant = ratio_contrast(np.full(20, 3.0), np.full(20, 2.0))
    assert (constant.ci_low, constant.ci_high) == (1.5, 1.5)


def test_the_standard_error_of_the_replicates_is_the_linearised_one():
    a, b = skewed(4000, np.random.default_rng(0))
    sums = bootstrap_sums(np.stack([a, b], axis=1), 2000)
    estimate = ratio_contrast(a, b)
    assert np.std(sums[:, 0] / sums[:, 1]) == pytest.approx(estimate.standard_error, rel=0.06)
    assert estimate.ci_high - estimate.value == pytest.approx(
        1.96 * estimate.standard_error, rel=0.1
    )


def test_a_difference_keeps_rows_together():
    rng = np.random.default_rng(0)
    a, b = skewed(300, rng)
    other = a * 1.02
    estimate = ratio_contrast(np.stack([a, other], axis=1), np.stack([b, b], axis=1), (1.0, -1.0))
    # Each ratio alone is known far less well than a difference of 2% on the same rows.
    assert estimate.p_value < 0.01
    assert estimate.standard_error < 0.05 * ratio_contrast(a, b).standard_error
    same = ratio_contrast(np.stack([a, a], axis=1), np.stack([b, b], axis=1), (1.0, -1.0))
    assert (same.value, same.p_value) == (0.0, 1.0)


@pytest.mark.parametrize(("n", "repetitions"), [(200, 250)])
def test_intervals_cover(n, repetitions):
    rng = np.random.default_rng(0)
    a, b = skewed(1_000_000, rng)
    truth = a.sum() / b.sum()
    covered = 0
    for seed in range(repetitions):
        estimate = ratio_contrast(*skewed(n, rng), seed=seed)
        covered += estimate.ci_low <= truth <= estimate.ci_high
    # 95% ± 3 standard errors of √(0.95 · 0.05 / 250) = 1.4%.
    assert abs(covered / repetitions - 0.95) < 0.042


def test_p_values_are_uniform_where_there_is_no_difference():
    rng = np.random.default_rng(0)
    p_values = []
    for seed in range(200):
        a, b = skewed(200, rng)
        c, _ = skewed(200, rng)
        d = c * b / np.exp(7 + 0.49 / 2)
        top = np.stack([a, d], axis=1)
        # Both ratios have the same mean: |u| does not depend on the scale.
        p_values.append(ratio_contrast(top, np.stack([b, b], axis=1), (1, -1), seed=seed).p_value)
    # Below 0.05 in 5% ± 3 · 1.5%, where the two expectations are equal up to simulation.
    assert np.mean(np.array(p_values) < 0.05) < 0.05 + 3 * 0.0154
