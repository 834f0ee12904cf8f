"""The law callbacks drawing through transformers' continuous batching."""

import logging
import math

import pytest
import torch
from transformers import AutoModelForCausalLM, ContinuousBatchingConfig

from callback_fixtures import (
    SAMPLING,
    Draws,
    LawfulSampler,
    losses,
    make_composites,
    make_trainer,
    question,
)
from hf_lore.compo import build_composites
from hf_lore.errors import ConfigError
from hf_lore.sampling.prompts import load_tokenizer
from hf_lore.sampling.sample import SamplingParams
from hf_lore.tiny import tiny_path
from hf_lore.tiny.world import tiny_questions
from hf_lore.training.callbacks import CompositionalityCallback, MonotonicityCallback
from hf_lore.training.law_eval import COMPOSITIONALITY_KEYS, MONOTONICITY_KEYS
from model_fixtures import make_llama, make_tokenizer


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def test_training_is_bit_identical_with_and_without(tmp_path, tokenizer):
    plain_draws, watched_draws = Draws(), Draws()
    plain = make_trainer(tmp_path / "a", tokenizer, steps=3, callbacks=[plain_draws])
    plain.train()
    watched = make_trainer(tmp_path / "b", tokenizer, steps=3, callbacks=[watched_draws])
    families = {"a": [question(f"{n}?", n_steps=n, subject="a") for n in (1, 2, 3)]}
    shared = {"num_samples": 2, "sampling": SAMPLING, "continuous_batching": True}
    watched.add_callback(CompositionalityCallback(watched, make_composites(), **shared))
    watched.add_callback(MonotonicityCallback(watched, families, **shared))
    watched.train()
    assert losses(plain) == losses(watched)
    assert len(losses(plain)) == 3
    assert plain_draws.seen == watched_draws.seen
    for a, b in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(a, b)
    for keys in (COMPOSITIONALITY_KEYS, MONOTONICITY_KEYS):
        rows = [r for r in watched.state.log_history if set(keys) <= set(r)]
        assert [r["step"] for r in rows] == [1, 2, 3]


@pytest.mark.parametrize("bf16", [False, True])
def test_the_scores_of_the_tiny_reasoner_are_those_of_plain_batches(tmp_path, bf16):
    tokenizer = load_tokenizer(tiny_path())
    model = AutoModelForCausalLM.from_pretrained(tiny_path(), dtype=torch.float32)
    trainer = make_trainer(tmp_path, tokenizer, model=model, bf16=bf16)
    # What `train` does to the model under mixed precision: `forward` runs under autocast.
    trainer.accelerator.prepare_model(model, evaluation_mode=True)
    composites = build_composites(tiny_questions(30, 0), limit=6)
    sampling = SamplingParams(temperature=0.6, max_new_tokens=256)
    scores, outcomes = [], []
    for option in (False, True, ContinuousBatchingConfig(num_blocks=8, max_batch_tokens=64)):
        callback = CompositionalityCallback(
            trainer, composites, 4, sampling=sampling, continuous_batching=option
        )
        scores.append(callback.measure(model))
        outcomes.append({(o.question_id, o.number): o for o in callback.outcomes})
    assert scores[0]["eval_lore_accuracy_parts"] > 0.5
    assert len(outcomes[0]) == 72
    for values, found in zip(scores[1:], outcomes[1:], strict=True):
        differ = sum(found[key] != outcomes[0][key] for key in found)
        # In bfloat16 rounding turns some choices, as it does between batches of 1 and of 64.
        assert differ <= (8 if bf16 else 0)
        if not differ:
            assert repr(values) == repr(scores[0])  # NaN is NaN


def test_a_failure_costs_one_line_and_nan_and_leaves_the_model(
    tmp_path, tokenizer, caplog, monkeypatch
):
    trainer = make_trainer(tmp_path, tokenizer)
    callback = CompositionalityCallback(
        trainer, make_composites(), 2, sampling=SAMPLING, continuous_batching=True
    )
    model = trainer.model.train()
    model.config.use_cache = False
    forward, calls = model.forward, []

    def breaking(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise torch.OutOfMemoryError("CUDA out of memory.\nTried to allocate 20.00 GiB")
        return forward(*args, **kwargs)

    model.forward = breaking
    state = torch.get_rng_state()
    # transformers would add the traceback of its own thread.
    monkeypatch.setattr(logging.getLogger("ContinuousBatchingLogger"), "handlers", [caplog.handler])
    with caplog.at_level(logging.WARNING, logger="hf_lore.training.callbacks"):
        values = callback.measure(model)
    assert len(calls) == 3
    assert list(values) == list(COMPOSITIONALITY_KEYS)
    assert all(math.isnan(v) for v in values.values())
    (record,) = caplog.records
    assert "CUDA out of memory. Tried to allocate 20.00 GiB" in record.getMessage()
    assert "\n" not in record.getMessage()
    assert all(m.training for m in model.modules())
    assert (model.config.use_cache, model.config._attn_implementation) == (False, "sdpa")
    assert torch.equal(torch.get_rng_state(), state)
    # A model that cannot be batched so is no bug, and no end of the run either.
    model.forward = forward
    model.set_attn_implementation("flex_attention")
    assert all(math.isnan(v) for v in callback.measure(model).values())
    assert "flex_attention is not supported" in caplog.records[-1].getMessage()


def test_two_ways_to_draw_are_refused(tmp_path, tokenizer):
    trainer = make_trainer(tmp_path, tokenizer, model=make_llama(tokenizer))
    with pytest.raises(ConfigError, match="give one of the two"):
        CompositionalityCallback(
            trainer, make_composites(), sampler=LawfulSampler(), continuous_batching=True
        )
