"""Draws to scores: counts, exclusions and variants by hand, floors and limits by simulation."""

import json
import math

import numpy as np
import pytest

from hf_lore.laws import (
    Draws,
    LawScore,
    compare,
    length_deciles,
    log_accuracy,
    log_accuracy_floor,
    nmad,
    nmad_limit,
    score_by_group,
    score_compositionality,
    zero_rule_sensitivity,
)

NAN = math.nan


def lawful(n, k, rng, *, factor=1.0, m=2):
    """C12 = factor · ΣC in expectation, and A12 = ΠA exactly."""
    means = 1000 * np.exp(0.7 * rng.standard_normal((n, m)))
    means = np.concatenate([means, factor * means.sum(axis=1, keepdims=True)], axis=1)
    accuracy = rng.beta(3, 1, size=(n, m))
    accuracy = np.concatenate([accuracy, accuracy.prod(axis=1, keepdims=True)], axis=1)
    tokens = np.rint(means[..., None] * np.exp(0.47 * rng.standard_normal((n, m + 1, k)) - 0.11))
    return Draws(tokens, (rng.random((n, m + 1, k)) < accuracy[..., None]).astype(float))


def by_hand():
    """Composite 1 has a truncated draw of x12; composite 2 an empty draw of x1; composite 3 never
    closed its x2 and is excluded from compute."""
    tokens = [
        [[10, 20], [30, 30], [50, NAN]],
        [[0, 20], [10, 10], [30, 30]],
        [[10, 10], [NAN, NAN], [10, 10]],
    ]
    correct = [
        [[1, 1], [1, 0], [1, 0]],
        [[1, 1], [1, 1], [1, 1]],
        [[1, 1], [0, 0], [0, 0]],
    ]
    cut = np.full((3, 3, 2), NAN)
    cut[0, 2, 1] = 100
    cut[2, 1] = 80
    return Draws(np.array(tokens, float), np.array(correct, float), cut)


def test_compute_scores_by_hand():
    scores = score_compositionality(by_hand())
    # ΣC: 15 + 30 = 45 and 10 + 10 = 20; C12: 50 and 30. Deviations +5 and +10 over 65.
    assert scores.nmad_compute.value == pytest.approx(15 / 65)
    assert scores.signed_deviation.value == pytest.approx(15 / 65)
    assert (scores.nmad_compute.n, scores.nmad_compute.excluded) == (2, 1)
    assert (scores.nmad_compute.truncated, scores.nmad_compute.k) == (3, 2)
    # Slope Σxy / Σx² = (45·50 + 20·30) / (45² + 20²).
    assert scores.slope.value == pytest.approx((45 * 50 + 20 * 30) / (45**2 + 20**2))
    # With truncated draws at their cut: C12 = 75 and 30, and composite 3: ΣC 10 + 80 = 90, C12 10.
    # Deviations +30, +10, −80 over 45 + 20 + 90 = 155.
    assert scores.nmad_compute_with_truncated.value == pytest.approx(120 / 155)
    assert scores.signed_deviation_with_truncated.value == pytest.approx(-40 / 155)
    assert scores.nmad_compute_with_truncated.excluded == 0
    # Without the empty draw C(x1) of composite 2 is 20: ΣC = 30, deviation 0. 5 / 75.
    assert scores.nmad_compute_without_empty.value == pytest.approx(5 / 75)
    # 3 truncated and 1 empty of 18 draws.
    assert scores.truncated_share.value == pytest.approx(3 / 18)
    assert scores.empty_share.value == pytest.approx(1 / 18)
    assert scores.tokens_parts.value == pytest.approx(65 / 2)
    assert scores.tokens_composed.value == pytest.approx(80 / 2)
    # Parts (1, ½), (1, 1), (1, 0): mean 4.5 / 6; composites ½, 1, 0.
    assert scores.accuracy_parts.value == pytest.approx(0.75)
    assert scores.accuracy_composed.value == pytest.approx(0.5)


def test_log_accuracy_scores_by_hand():
    draws = by_hand()
    scores = score_compositionality(draws)
    # c of 2 under "half": 2 → 0, 1 → log(1.5/2.5), 0 → log(.5/2.5).
    # ΣlogA: log .6, 0, log .2, and log A12 the same. The law holds to the digit.
    assert scores.nmad_log_accuracy.value == pytest.approx(0)
    # Truncated draws left out: x12 of composite 1 is 1 of 1 → 0; composite 3 has no x2 left.
    # Deviations |0 − log .6|, 0, over |log .6|.
    closed = scores.nmad_log_accuracy_without_truncated
    assert closed.value == pytest.approx(1.0)
    assert (closed.n, closed.excluded) == (2, 1)
    # "exclude" drops composite 3 instead, "clip" has log ¼ for 0 of 2 on both sides.
    rules = zero_rule_sensitivity(draws)
    assert rules["exclude"].excluded == 1
    assert rules["clip"].value == pytest.approx(0)
    assert rules["half"] == scores.nmad_log_accuracy
    # log(1.5/3), log(2.5/3), log(.5/3): a perfect question costs log(5/6).
    j1, j2, j0 = (math.log(x / 3) for x in (1.5, 2.5, 0.5))
    deviation = abs(j1 - j1 - j2) + abs(j2 - 2 * j2) + abs(j0 - j0 - j2)
    assert rules["jeffreys"].value == pytest.approx(deviation / -(j1 + j0 + 4 * j2))


def test_what_cannot_be_scored_says_why():
    one = score_compositionality(lawful(50, 1, np.random.default_rng(0)))
    assert one.nmad_compute.defined
    assert math.isnan(one.nmad_compute.noise_floor)
    assert "one draw a question" in one.nmad_compute.reason
    assert math.isnan(one.nmad_compute_limit.value)
    assert "K >= 2" in one.nmad_compute_limit.reason
    tokens = np.full((3, 3, 2), 5.0)
    perfect = score_compositionality(Draws(tokens, np.ones_like(tokens)))
    assert "ever answered wrong" in perfect.nmad_log_accuracy.reason
    nothing = score_compositionality(Draws(np.full_like(tokens, NAN), np.zeros_like(tokens)))
    assert "no composite has a scored draw" in nothing.nmad_compute.reason
    empty = score_compositionality(Draws(np.zeros_like(tokens), np.zeros_like(tokens)))
    assert "without any reasoning token" in empty.nmad_compute.reason
    assert all(
        score.reason
        for scores in (one, perfect, nothing, empty)
        for score in scores
        if math.isnan(score.value) or math.isnan(score.ci_low)
    )
    none = Draws(np.empty((0, 3, 0)), np.empty((0, 3, 0)))
    assert all(math.isnan(score.value) for score in score_compositionality(none))
    uncut = by_hand()
    uncut = score_compositionality(Draws(uncut.tokens, uncut.correct))
    assert "were not given" in uncut.nmad_compute_with_truncated.reason
    for scores in (one, perfect, nothing, empty, uncut):
        for score in scores:
            text = json.dumps(score.to_json(), allow_nan=False)
            assert repr(LawScore.from_json(json.loads(text))) == repr(score)


def test_names_are_the_fields():
    scores = score_compositionality(by_hand())
    assert [score.name for score in scores] == list(scores.__dataclass_fields__)


def test_draws_refuse_what_does_not_belong_together():
    tokens, correct = np.ones((2, 3, 2)), np.ones((2, 3, 2))
    with pytest.raises(ValueError, match="m >= 2"):
        Draws(tokens[:, :2], correct[:, :2])
    with pytest.raises(ValueError, match="align"):
        Draws(tokens, correct[:1])
    with pytest.raises(ValueError, match="negative"):
        Draws(-tokens, correct)
    with pytest.raises(ValueError, match="no grade"):
        Draws(tokens, np.full_like(correct, NAN))
    with pytest.raises(ValueError, match="2 to 3 parts"):
        Draws.from_ragged([[[1]] * 3, [[1]] * 4], [[[1]] * 3, [[1]] * 4])
    with pytest.raises(ValueError, match="composite 0"):
        Draws.from_ragged([[[1], [1], [1]]], [[[1], [1], [1, 0]]])


def test_ragged_draws():
    draws = Draws.from_ragged([[[5, None], [3], [9, 8, 7]]], [[[1, 0], [1], [1, 1, 0]]])
    assert (draws.n, draws.k) == (1, 3)
    assert draws.truncated.sum() == 1
    right, total = draws.counts()
    assert right.tolist() == [[1, 1, 2]]
    assert total.tolist() == [[2, 1, 3]]
    assert draws.counts(with_truncated=False)[1].tolist() == [[1, 1, 3]]


def test_groups_and_deciles():
    draws = lawful(40, 4, np.random.default_rng(0))
    deciles = length_deciles(draws)
    assert sorted(set(deciles), key=int) == [str(i) for i in range(1, 11)]
    assert all(deciles.count(label) == 4 for label in set(deciles))
    shortest = draws.take(np.array(deciles) == "1").tokens[:, :2].mean(axis=2).sum(axis=1).max()
    longest = draws.take(np.array(deciles) == "10").tokens[:, :2].mean(axis=2).sum(axis=1).min()
    assert shortest < longest
    grouped = score_by_group(draws, deciles)
    assert grouped["1"].nmad_compute.n == 4
    with pytest.raises(ValueError, match="39 labels"):
        score_by_group(draws, deciles[1:])


@pytest.mark.parametrize("k", [4, 8, 32])
@pytest.mark.parametrize("m", [2, 3])
def test_log_accuracy_floor_is_what_a_lawful_model_scores(k, m):
    rng = np.random.default_rng(k)
    scored, floors = [], []
    for seed in range(5):
        right, total = lawful(250, k, rng, m=m).counts()
        logs = log_accuracy(right, total)
        scored.append(nmad(logs[:, :-1].sum(axis=1), logs[:, -1]))
        floors.append(log_accuracy_floor(right, total, seed=seed))
    assert np.mean(floors) == pytest.approx(np.mean(scored), rel=0.08)


def test_half_is_nearly_unbiased_for_log_accuracy():
    # E over the binomial, exactly, at K = 8 and A = ½: log(c + ½) − log(8.5) is off by under 0.02.
    weights = np.array([math.comb(8, c) for c in range(9)]) / 2**8
    bias = {
        zero: float(weights @ log_accuracy(np.arange(9), 8, zero)) - math.log(0.5)
        for zero in ("half", "jeffreys", "clip")
    }
    assert abs(bias["half"]) < 0.02
    assert abs(bias["jeffreys"]) > 2 * abs(bias["half"])
    assert abs(bias["clip"]) > 2 * abs(bias["half"])


def test_the_limit_takes_the_noise_off():
    # √(0.343² − 0.142²) = 0.3122: the audited example, where plain subtraction gives 0.201.
    assert nmad_limit(0.343, 0.142) == pytest.approx(0.3122, abs=1e-4)
    assert nmad_limit(0.1, 0.2) == 0.0
    assert math.isnan(nmad_limit(0.3, NAN))
    draws = lawful(2000, 8, np.random.default_rng(0), factor=0.7)
    score = score_compositionality(draws).nmad_compute_limit
    # 0.3 by construction, and 0.026 below by the bias that constant deviations have.
    assert score.value == pytest.approx(0.3, abs=0.04)
    assert score.ci_low < score.value < score.ci_high
    null = score_compositionality(lawful(250, 8, np.random.default_rng(0))).nmad_compute_limit
    assert null.ci_low == 0.0
    assert "biased upwards" in null.reason


def test_compare():
    rng = np.random.default_rng(0)
    base, better = lawful(250, 8, rng, factor=0.7), lawful(250, 8, rng)
    found = compare(base, better)
    assert found["signed_deviation"].p_value < 0.01
    assert found["signed_deviation"].difference.value == pytest.approx(-0.3, abs=0.05)
    assert found["nmad_compute"].difference.value > 0
    assert found["excess_squared"].difference.ci_low > 0
    first = score_compositionality(base)
    assert found["nmad_compute"].first == pytest.approx(first.nmad_compute.value)
    assert found["nmad_log_accuracy"].first == pytest.approx(first.nmad_log_accuracy.value)
    same = compare(base, base)
    assert all((row.difference.value, row.p_value) == (0.0, 1.0) for row in same.values())
    with pytest.raises(ValueError, match="same composites"):
        compare(base, better.take(np.arange(10)))
