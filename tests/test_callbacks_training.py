"""Training with a law callback is training without it, whatever becomes of an evaluation."""
# ruff: noqa: NPY002 — the legacy generator is the one that must be left alone.

import logging
import math
import random

import numpy as np
import pytest
import torch
from transformers import EarlyStoppingCallback

from callback_fixtures import SAMPLING, Draws, losses, make_composites, make_trainer
from hf_lore.errors import ServerError
from hf_lore.training.callbacks import CompositionalityCallback
from hf_lore.training.law_eval import COMPOSITIONALITY_KEYS
from model_fixtures import make_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


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
