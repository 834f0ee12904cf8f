"""The plain statistics against numbers worked by hand, and against scipy where it has them."""

import json
import math

import numpy as np
import pytest
from scipy import stats

from hf_lore.laws import (
    LawScore,
    accuracy_spearman,
    compute_spearman,
    log_accuracy,
    nmad,
    noise_floor,
    pass_at_k,
    proportional_slope,
    signed_deviation,
    spearman,
)
from hf_lore.laws.floor import c4
from hf_lore.laws.rank import mean_curve


def test_nmad_and_signed_deviation_by_hand():
    # Deviations −2, +3, −1; parts 10 + 20 + 10 = 40. |·| = 6/40 = 0.15, signed 0/40 = 0.
    assert nmad([10, 20, 10], [8, 23, 9]) == 0.15
    assert signed_deviation([10, 20, 10], [8, 23, 9]) == 0.0
    # The row with a NaN leaves: (2 + 1) / 20 = 0.15; signed (−2 −1)/20 = −0.15.
    assert nmad([10, math.nan, 10], [8, 23, 9]) == 0.15
    assert signed_deviation([10, math.nan, 10], [8, 23, 9]) == -0.15
    # Log accuracies are negative: |−3 + 2| / |−2| = 0.5, and signed −1 / 2.
    assert nmad([-2.0], [-3.0]) == 0.5
    assert signed_deviation([-2.0], [-3.0]) == -0.5


def test_nothing_to_normalise_by_is_nan():
    assert math.isnan(nmad([], []))
    assert math.isnan(nmad([0.0], [1.0]))
    with pytest.raises(ValueError, match="1-d"):
        nmad([1, 2], [1])


def test_slope_by_hand():
    # Σxy = 1·1 + 2·3 = 7, Σx² = 5: slope 1.4. Residuals −0.4, 0.2: SS 0.2; total about 2: 2.
    slope, r_squared = proportional_slope([1, 2], [1, 3])
    assert slope == pytest.approx(1.4)
    assert r_squared == pytest.approx(1 - 0.2 / 2)


def test_log_accuracy_rules():
    # K = 8: log(.5/8.5), log(8.5/8.5) = 0; log(.5/9), log(8.5/9); log(.5/8), log 1; NaN, log 1.
    expected = {
        "half": [math.log(0.5 / 8.5), 0.0],
        "jeffreys": [math.log(0.5 / 9), math.log(8.5 / 9)],
        "clip": [math.log(1 / 16), 0.0],
        "exclude": [math.nan, 0.0],
    }
    for zero, values in expected.items():
        assert log_accuracy([0, 8], 8, zero) == pytest.approx(values, nan_ok=True)
    assert np.isnan(log_accuracy([0], [0])).all()
    with pytest.raises(ValueError, match="one of half"):
        log_accuracy([1], [2], "none")
    with pytest.raises(ValueError, match="between 0 and n_draws"):
        log_accuracy([3], [2])


def test_pass_at_k_by_hand():
    # n = 4, c = 1: pass@1 = 1/4; pass@2 = 1 − C(3,2)/C(4,2) = 1 − 3/6; pass@4 = 1. c = 0: 0.
    assert pass_at_k(1, 4, 1) == 0.25
    assert pass_at_k(1, 4, 2) == 0.5
    assert pass_at_k([1, 0], 4, 4).tolist() == [1.0, 0.0]
    assert np.isnan(pass_at_k(1, 4, 5))
    # Against the binomials, exactly.
    for c, k in [(3, 5), (17, 2), (0, 7), (64, 64)]:
        exact = 1 - math.comb(64 - c, k) / math.comb(64, k)
        assert pass_at_k(c, 64, k) == pytest.approx(exact, rel=1e-12, abs=1e-12)


def test_spearman_is_scipys():
    rng = np.random.default_rng(0)
    for _ in range(50):
        x, y = rng.integers(0, 6, size=(2, 12))
        assert spearman(x, y) == pytest.approx(stats.spearmanr(x, y).statistic, nan_ok=True)
    assert math.isnan(spearman([1], [1]))
    assert math.isnan(spearman([1, 2], [3, 3]))
    assert spearman([1, 2, 3], [10, math.nan, 30]) == 1.0


def test_mean_curve_by_hand():
    # Row 1 scales to 0, .5, 1; row 2 to 1, 0, NaN; row 3 is constant and has no scale.
    values = [[10, 20, 30], [7, 5, math.nan], [4, 4, 4]]
    assert mean_curve(values).tolist() == [0.5, 0.25, 1.0]
    # ρ of (1, 2, 3) and ranks (2, 1, 3): d = −1, 1, 0; 1 − 6·2 / (3·8) = 0.5.
    assert compute_spearman([1, 2, 3], values) == pytest.approx(0.5)
    # A per family: means (.9, .5, .25), falling.
    assert accuracy_spearman([1, 2, 3], [[1.0, 0.5, 0.5], [0.8, 0.5, 0.0]]) == -1.0


def lawful_draws(spread, k, n, rng):
    """Log-normal lengths; the composite is the sum of two fresh draws, so the law holds exactly."""
    sigma = math.sqrt(math.log(1 + spread**2))
    means = 1000 * np.exp(0.7 * rng.standard_normal((n, 2)))

    def draw():
        return means[..., None] * np.exp(sigma * rng.standard_normal((n, 2, k)) - sigma**2 / 2)

    return np.concatenate([draw(), draw().sum(axis=1, keepdims=True)], axis=1)


# spread of lengths within a question: {K: nMAD of a model that obeys the law}.
AUDITED = {
    0.3: {1: 0.260, 4: 0.133, 8: 0.093, 16: 0.067, 64: 0.034},
    0.5: {1: 0.422, 4: 0.219, 8: 0.154, 16: 0.111, 64: 0.056},
    0.7: {1: 0.562, 4: 0.296, 8: 0.214, 16: 0.154, 64: 0.077},
}


@pytest.mark.parametrize("spread", AUDITED)
def test_the_floor_is_what_a_lawful_model_scores(spread):
    rng = np.random.default_rng(0)
    for k, audited in AUDITED[spread].items():
        runs = [lawful_draws(spread, k, 250, rng) for _ in range(20)]
        means = [d.mean(axis=2) for d in runs]
        scored = np.mean([nmad(mean[:, :2].sum(axis=1), mean[:, 2]) for mean in means])
        assert scored == pytest.approx(audited, rel=0.06)
        floors = [noise_floor(d) for d in runs]
        if k == 1:
            # One draw shows no spread: the floor is there, but cannot be known.
            assert np.isnan(floors).all()
        else:
            assert np.mean(floors) == pytest.approx(scored, rel=0.04)


def test_floor_by_hand():
    # K = 2. Draws 8, 12: mean 10, s² = 8, s²/K = 4. Three such variances: v = 12, with
    # ν = 12² / (3 · 4²/1) = 3 and c4(3)² ≈ 1 − 1/6.75. E|d| = √(2 v / π c4²).
    tokens = np.array([[[8.0, 12.0], [8.0, 12.0], [18.0, 22.0]]])
    expected = math.sqrt(2 * 12 / (math.pi * (1 - 1 / 6.75))) / 20
    assert noise_floor(tokens) == pytest.approx(expected)
    assert noise_floor(np.full((5, 3, 4), 7.0)) == 0.0
    assert math.isnan(noise_floor(tokens[:, :, :1]))


def test_c4_against_the_gamma_function():
    for nu in np.linspace(1, 60, 100):
        exact = math.sqrt(2 / nu) * math.exp(math.lgamma((nu + 1) / 2) - math.lgamma(nu / 2))
        assert float(c4(nu)) == pytest.approx(exact, abs=0.0025)


def test_law_score_round_trips_through_strict_json():
    scores = [
        LawScore("nmad", 0.3, ci_low=0.2, ci_high=0.4, n=250, k=8, noise_floor=0.15, truncated=3),
        LawScore("nmad", math.nan, noise_floor=math.nan, reason="one draw a question"),
        LawScore("rho", 1.0, ci_low=0.9, ci_high=1.0, n=10),
    ]
    for score in scores:
        text = json.dumps(score.to_json(), allow_nan=False)
        assert repr(LawScore.from_json(json.loads(text))) == repr(score)
    with pytest.raises(ValueError, match="without a reason"):
        LawScore("nmad", math.nan)
    with pytest.raises(ValueError, match="infinite"):
        LawScore("nmad", math.inf, ci_low=0.0, ci_high=1.0)
    with pytest.raises(ValueError, match="no field 'vaule'"):
        LawScore.from_json({"name": "a", "vaule": 1.0})
