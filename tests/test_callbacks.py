"""The law callbacks measure what they say."""

import math

import numpy as np
import pytest
from datasets import Dataset

from callback_fixtures import (
    SAMPLING,
    LawfulSampler,
    make_composites,
    make_trainer,
    outcome,
    question,
)
from hf_lore.errors import ConfigError
from hf_lore.questions import Composite, compose
from hf_lore.training.callbacks import CompositionalityCallback, MonotonicityCallback
from hf_lore.training.law_eval import (
    COMPOSITIONALITY_KEYS,
    MONOTONICITY_KEYS,
    score_composites,
    score_families,
)
from model_fixtures import make_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def test_scores_of_known_draws(tmp_path, tokenizer):
    parts = (question("a?", subject="a"), question("b?", subject="b"))
    composites = [Composite(parts=parts, composed=compose(parts))]
    chained = Composite(parts=parts, composed=compose(parts), kind="chained")
    trainer = make_trainer(tmp_path, tokenizer)
    callback = CompositionalityCallback(
        trainer, [*composites, chained], num_samples=4, sampler=LawfulSampler()
    )
    assert callback.composites == composites
    values = callback.measure(trainer.model)
    # |17 - 20| / 20, and its sign; no spread within a question, so a floor of 0.
    assert values["eval_lore_nmad_compute"] == pytest.approx(0.15)
    assert values["eval_lore_signed_deviation"] == pytest.approx(-0.15)
    assert values["eval_lore_noise_floor"] == 0
    assert values["eval_lore_tokens_parts"] == 20
    assert values["eval_lore_tokens_composed"] == 17
    assert values["eval_lore_accuracy_parts"] == 1
    assert values["eval_lore_accuracy_composed"] == 1
    assert values["eval_lore_truncated_share"] == 0
    # Nothing was ever wrong: there is no log accuracy to compose.
    assert math.isnan(values["eval_lore_nmad_log_accuracy"])


def test_truncated_and_absent_draws_are_told_apart():
    composite = make_composites(1)[0]
    a, b, ab = composite.questions
    values = score_composites(
        [composite],
        [
            outcome(a, 0, 10, True),
            outcome(a, 1, None, False),  # cut
            outcome(b, 0, 20, True),
            outcome(b, 1, 20, False),
            outcome(ab, 0, 24, True),
            outcome(ab, 1, None, None),  # the prompt did not fit: never drawn
        ],
        2,
    )
    # Closed draws only: |24 - (10 + 20)| / 30.
    assert values["eval_lore_nmad_compute"] == pytest.approx(0.2)
    # 1 cut of 5 drawn.
    assert values["eval_lore_truncated_share"] == pytest.approx(0.2)
    assert values["eval_lore_accuracy_parts"] == pytest.approx(0.5)
    assert values["eval_lore_accuracy_composed"] == 1


def test_monotonicity(tmp_path, tokenizer):
    families = {
        name: [question(f"{name}{n}?", n_steps=n, subject=name) for n in (1, 2, 3, 4)]
        for name in ("a", "b")
    }
    outcomes = [
        outcome(q, k, tokens, right)
        for name, lengths in (("a", (5, 7, 9, 11)), ("b", (10, 20, 15, 30)))
        for q, tokens in zip(families[name], lengths)
        for k, right in enumerate((q.n_steps < 4, q.n_steps < 3))
    ]
    # Curves scaled to [0, 1]: a = 0, 1/3, 2/3, 1; b = 0, 1/2, 1/4, 1; their mean
    # 0, 5/12, 11/24, 1 rises, so rho = 1. Accuracy 1, 1, 1/2, 0: tied ranks 3.5, 3.5, 2, 1
    # against 1, 2, 3, 4 give -4.5 / sqrt(5 * 4.5) = -0.9487.
    values = score_families(families, outcomes, 2)
    assert values["eval_lore_mono_rho_compute"] == pytest.approx(1)
    assert values["eval_lore_mono_rho_log_accuracy"] == pytest.approx(-0.9486833)
    trainer = make_trainer(tmp_path, tokenizer, steps=1)
    trainer.add_callback(MonotonicityCallback(trainer, families, num_samples=2, sampling=SAMPLING))
    trainer.train()
    logged = [r for r in trainer.state.log_history if set(MONOTONICITY_KEYS) <= set(r)]
    assert len(logged) == 1


def test_what_is_refused(tmp_path, tokenizer):
    trainer = make_trainer(tmp_path, tokenizer)
    composites = make_composites()
    with pytest.raises(ConfigError, match="num_samples is 0"):
        CompositionalityCallback(trainer, composites, num_samples=0)
    with pytest.raises(ConfigError, match="no independent composite"):
        CompositionalityCallback(trainer, [])
    three = (*composites[0].parts, composites[1].parts[0])
    with pytest.raises(ConfigError, match="2 to 3 parts"):
        CompositionalityCallback(
            trainer, [composites[0], Composite(parts=three, composed=compose(three))]
        )
    # 3 questions x 2 draws x 12 tokens = 72 a composite.
    with pytest.raises(ConfigError, match="may take 72 tokens"):
        CompositionalityCallback(trainer, composites, 2, sampling=SAMPLING, token_budget=71)
    kept = CompositionalityCallback(trainer, composites, 2, sampling=SAMPLING, token_budget=143)
    assert kept.composites == composites[:1]
    with pytest.raises(ConfigError, match="n_steps"):
        MonotonicityCallback(trainer, {"a": [question("x")]})


def test_a_lore_compo_dataset_is_taken_as_it_is(tmp_path, tokenizer):
    from hf_lore.builders import LORE_COMPO_FEATURES, composite_to_row

    composites = make_composites()
    dataset = Dataset.from_list(
        [composite_to_row(c) for c in composites], features=LORE_COMPO_FEATURES
    )
    trainer = make_trainer(tmp_path, tokenizer)
    assert CompositionalityCallback(trainer, dataset, 2).composites == composites


def test_scores_are_those_of_a_finished_run():
    from hf_lore.laws import Draws, score_compositionality

    rng = np.random.default_rng(0)
    composites = make_composites(60)
    lengths = rng.integers(1, 50, size=(60, 3, 4)).astype(float)
    lengths[rng.random(lengths.shape) < 0.1] = np.nan
    right = rng.integers(0, 2, size=(60, 3, 4)) * ~np.isnan(lengths)
    outcomes = [
        outcome(q, k, None if np.isnan(t) else int(t), bool(right[i, j, k]))
        for i, composite in enumerate(composites)
        for j, q in enumerate(composite.questions)
        for k, t in enumerate(lengths[i, j])
    ]
    values = score_composites(composites, outcomes, 4)
    scores = score_compositionality(Draws(lengths, right.astype(float)), bootstrap=10)
    assert values["eval_lore_noise_floor"] == pytest.approx(scores.nmad_compute.noise_floor)
    for key in COMPOSITIONALITY_KEYS:
        if key != "eval_lore_noise_floor":
            score = getattr(scores, key.removeprefix("eval_lore_"))
            assert values[key] == pytest.approx(score.value), key
