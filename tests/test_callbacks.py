"""The law callbacks measure what they say and leave training as it was."""
# ruff: noqa: NPY002 — the legacy generator is the one that must be left alone.

import logging
import math
import random

import numpy as np
import pytest
import torch
from datasets import Dataset
from transformers import (
    EarlyStoppingCallback,
    Trainer,
    TrainerCallback,
    TrainingArguments,
    default_data_collator,
)

from hf_lore.errors import ConfigError, ServerError
from hf_lore.questions import Composite, Question, compose
from hf_lore.sampling.sample import Sample, SamplingParams, sample_key
from hf_lore.training.callbacks import CompositionalityCallback, MonotonicityCallback
from hf_lore.training.law_eval import (
    COMPOSITIONALITY_KEYS,
    MONOTONICITY_KEYS,
    Outcome,
    score_composites,
    score_families,
)
from model_fixtures import make_llama, make_tokenizer
from training_fixtures import make_rows

SAMPLING = SamplingParams(temperature=0.9, max_new_tokens=12, seed=3)


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def question(text, gold="7", **more):
    return Question(prompt=text, gold=(gold,), answer_types=("int",), **more)


def make_composites(n=2):
    made = []
    for i in range(n):
        parts = (
            question(f"a{i}?", gold=str(i), subject="a"),
            question(f"b{i}?", gold=str(9 - i), subject="b"),
        )
        made.append(Composite(parts=parts, composed=compose(parts)))
    return made


def make_trainer(tmp_path, tokenizer, *, steps=4, callbacks=(), model=None, **arguments):
    rows = make_rows(tokenizer, composites=4)
    width = 96
    items = []
    for row in rows:
        ids = (row["prompt_ids"] + row["completion_ids"])[:width]
        pad = width - len(ids)
        items.append(
            {
                "input_ids": ids + [tokenizer.pad_token_id] * pad,
                "attention_mask": [1] * len(ids) + [0] * pad,
                "labels": ids + [-100] * pad,
            }
        )
    data = Dataset.from_list(items)
    model = model or make_llama(tokenizer, eos_bias=3.0)
    # Dropout makes the loss depend on torch's generator.
    model.config.attention_dropout = 0.1
    for layer in model.model.layers:
        layer.self_attn.attention_dropout = 0.1
    settings = {
        "max_steps": steps,
        "per_device_train_batch_size": 2,
        "per_device_eval_batch_size": 8,
        "eval_strategy": "steps",
        "eval_steps": 1,
        "logging_steps": 1,
        "save_strategy": "no",
        "report_to": "none",
        "use_cpu": True,
        "disable_tqdm": True,
        "seed": 5,
        **arguments,
    }
    return Trainer(
        model=model,
        args=TrainingArguments(output_dir=str(tmp_path), **settings),
        train_dataset=data,
        eval_dataset=data.select(range(4)),
        processing_class=tokenizer,
        data_collator=default_data_collator,
        callbacks=list(callbacks),
    )


def losses(trainer):
    return [row["loss"] for row in trainer.state.log_history if "loss" in row]


class Draws(TrainerCallback):
    """Notes what the global generators give after each evaluation."""

    def __init__(self):
        self.seen = []

    def on_step_end(self, args, state, control, **kwargs):
        self.seen.append((random.random(), np.random.rand(), torch.rand(1).item()))


def test_training_is_bit_identical_with_and_without(tmp_path, tokenizer):
    plain_draws, watched_draws = Draws(), Draws()
    plain = make_trainer(tmp_path / "a", tokenizer, callbacks=[plain_draws])
    plain.train()
    watched = make_trainer(tmp_path / "b", tokenizer, callbacks=[watched_draws])
    watched.add_callback(
        CompositionalityCallback(watched, make_composites(), num_samples=3, sampling=SAMPLING)
    )
    watched.train()
    assert losses(plain) == losses(watched)
    assert len(losses(plain)) == 4
    assert plain_draws.seen == watched_draws.seen
    for a, b in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(a, b)
    history = [r for r in watched.state.log_history if "eval_lore_truncated_share" in r]
    assert [r["step"] for r in history] == [1, 2, 3, 4]
    assert all(set(COMPOSITIONALITY_KEYS) <= set(r) for r in history)
    # Traces of a random model: every draw is cut, closed or ended, none is right.
    assert all(r["eval_lore_accuracy_composed"] == 0 for r in history)


class FailingSampler:
    model, revision, count_method = "m", "r", "ids"

    def __init__(self, error):
        self.error = error

    def sample(self, draws, params, done=frozenset()):
        random.random(), np.random.rand(), torch.rand(3)
        raise self.error


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB"),
        MemoryError(),
        ServerError("http://127.0.0.1:1 cannot be reached; fix: start it"),
        ConnectionRefusedError(111, "Connection refused"),
    ],
    ids=lambda e: type(e).__name__,
)
def test_a_failure_costs_one_line_and_nan(tmp_path, tokenizer, error, caplog):
    trainer = make_trainer(tmp_path, tokenizer, steps=1)
    callback = CompositionalityCallback(
        trainer, make_composites(), num_samples=2, sampler=FailingSampler(error)
    )
    trainer.add_callback(callback)
    before = random.getstate(), np.random.get_state()[1].tolist(), torch.get_rng_state()
    with caplog.at_level(logging.WARNING, logger="hf_lore.training.callbacks"):
        values = callback.measure(trainer.model)
    assert random.getstate() == before[0]
    assert np.random.get_state()[1].tolist() == before[1]
    assert torch.equal(torch.get_rng_state(), before[2])
    assert list(values) == list(COMPOSITIONALITY_KEYS)
    assert all(math.isnan(v) for v in values.values())
    assert len(caplog.records) == 1
    assert "\n" not in caplog.records[0].getMessage()
    trainer.train()
    assert math.isnan(trainer.state.log_history[-2]["eval_lore_nmad_compute"])


def test_a_bug_keeps_its_traceback_and_the_generators(tmp_path, tokenizer):
    trainer = make_trainer(tmp_path, tokenizer)
    callback = CompositionalityCallback(
        trainer, make_composites(), num_samples=2, sampler=FailingSampler(TypeError("bug"))
    )
    state = torch.get_rng_state()
    with pytest.raises(TypeError, match="bug"):
        callback.measure(trainer.model)
    assert torch.equal(torch.get_rng_state(), state)


def test_modes_and_settings_of_the_model_survive(tmp_path, tokenizer):
    trainer = make_trainer(tmp_path, tokenizer)
    model = trainer.model.train()
    model.model.layers[0].eval()  # a frozen part in another mode
    model.config.use_cache = False
    tokenizer.padding_side = "right"
    modes = [m.training for m in model.modules()]
    callback = CompositionalityCallback(
        trainer, make_composites(), num_samples=2, sampling=SAMPLING
    )
    callback.measure(model)
    assert [m.training for m in model.modules()] == modes
    # Even when generation raises half-way.
    forward, calls = model.forward, []

    def breaking(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("half-way")
        return forward(*args, **kwargs)

    model.forward = breaking
    assert all(math.isnan(v) for v in callback.measure(model).values())
    assert len(calls) == 3
    assert [m.training for m in model.modules()] == modes
    assert model.config.use_cache is False
    assert tokenizer.padding_side == "right"


@pytest.mark.parametrize("stopping_first", [True, False])
def test_early_stopping_and_best_model_see_the_scores(tmp_path, tokenizer, stopping_first):
    trainer = make_trainer(
        tmp_path,
        tokenizer,
        steps=6,
        metric_for_best_model="eval_lore_truncated_share",
        greater_is_better=False,
        load_best_model_at_end=True,
        save_strategy="steps",
        save_steps=1,
        save_only_model=True,
        learning_rate=0.0,  # nothing changes, so nothing improves
    )
    callback = CompositionalityCallback(
        trainer, make_composites(), num_samples=2, sampling=SAMPLING
    )
    stopping = EarlyStoppingCallback(early_stopping_patience=2)
    for one in (stopping, callback) if stopping_first else (callback, stopping):
        trainer.add_callback(one)
    trainer.train()
    # Best at step 1, no better at 2 and 3: stopped at 3 of 6.
    assert trainer.state.global_step == 3
    assert trainer.state.best_global_step == 1


def test_several_eval_datasets_are_sampled_once(tmp_path, tokenizer):
    trainer = make_trainer(tmp_path, tokenizer, steps=1)
    trainer.eval_dataset = {"a": trainer.eval_dataset, "b": trainer.eval_dataset}
    callback = CompositionalityCallback(
        trainer, make_composites(), num_samples=2, sampling=SAMPLING
    )
    trainer.add_callback(callback)
    trainer.train()
    logged = [r for r in trainer.state.log_history if "eval_lore_nmad_compute" in r]
    assert len(logged) == 1


class LawfulSampler:
    """A closed trace of as many reasoning tokens as the question's text says."""

    model, revision, count_method = "lawful", "r", "ids"

    def sample(self, draws, params, done=frozenset()):
        for draw in draws:
            yield [
                Sample(
                    key=sample_key(
                        draw.prompt.question_id, "lawful", "r", params.hash, draw.number
                    ),
                    question_id=draw.prompt.question_id,
                    model="lawful",
                    revision="r",
                    params_hash=params.hash,
                    draw=draw.number,
                    seed=draw.seed,
                    text=self.write(draw.prompt.text),
                    token_ids=None,
                    n_tokens=99,
                    reasoning_tokens=self.tokens(draw.prompt.text),
                    count_method="ids",
                    finish_reason="stop",
                )
            ]

    def tokens(self, text):
        # 10 a part, and 3 too few for a composite.
        return 17 if "Q2." in text else 10

    def write(self, text):
        return "</think>\\boxed{7}, \\boxed{7}" if "Q2." in text else "</think>\\boxed{7}"


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


def outcome(q, number, tokens, correct):
    return Outcome(q.id, number, tokens, 30, correct, "")


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
