"""The law callback in trl's trainers: scores logged, training and the model left as they were."""

import math
from pathlib import Path

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM

from callback_fixtures import make_composites
from hf_lore.sampling.sample import SamplingParams
from hf_lore.training.callbacks import CompositionalityCallback
from hf_lore.training.law_eval import COMPOSITIONALITY_KEYS
from hf_lore.training.rewards import answer_reward
from hf_lore.training.rows import training_rows
from hf_lore.training.triplets import check_triplet_batches, triplet_rows
from model_fixtures import make_tokenizer
from training_fixtures import make_rows, save_student

SAMPLING = SamplingParams(temperature=0.9, max_new_tokens=12, seed=3)
COMMON = {
    "max_steps": 2,
    "eval_strategy": "steps",
    "eval_steps": 1,
    "logging_steps": 1,
    "save_strategy": "no",
    "report_to": "none",
    "use_cpu": True,
    "bf16": False,
    "disable_tqdm": True,
    "learning_rate": 1e-3,
    "dataloader_pin_memory": False,
    "seed": 5,
}


def model_of(tokenizer, folder):
    # From a folder, where trl finds the reference model too.
    save_student(Path(folder) / "student", eos_bias=3.0)
    model = AutoModelForCausalLM.from_pretrained(Path(folder) / "student", dtype=torch.float32)
    for layer in model.model.layers:
        layer.self_attn.attention_dropout = 0.1  # the loss depends on torch's generator
    return model


def sft(folder, tokenizer):
    from trl import SFTConfig, SFTTrainer

    from hf_lore.sft import SFT_FEATURES

    rows, _ = training_rows(
        Dataset.from_list(make_rows(tokenizer, composites=3), features=SFT_FEATURES),
        tokenizer,
        max_tokens=512,
        eos_ids={tokenizer.eos_token_id},
    )
    return SFTTrainer(
        model_of(tokenizer, folder),
        args=SFTConfig(folder, max_length=None, per_device_train_batch_size=2, **COMMON),
        train_dataset=rows,
        eval_dataset=rows.select(range(2)),
        processing_class=tokenizer,
    )


def dpo(folder, tokenizer):
    from trl import DPOConfig, DPOTrainer

    rows = Dataset.from_list(
        [
            {"prompt": "<|user|>a?<|assistant|>", "chosen": f"so {i}", "rejected": f"no {i} {i}"}
            for i in range(4)
        ]
    )
    return DPOTrainer(
        model_of(tokenizer, folder),
        args=DPOConfig(folder, per_device_train_batch_size=2, **COMMON),
        train_dataset=rows,
        eval_dataset=rows.select(range(2)),
        processing_class=tokenizer,
    )


def shortness_reward(completion_ids, **_):
    return [1 / len(ids) for ids in completion_ids]


def grpo(folder, tokenizer):
    from trl import GRPOConfig, GRPOTrainer

    # 1 composite of 3 questions x 2 generations a step.
    args = GRPOConfig(
        folder,
        num_generations=2,
        per_device_train_batch_size=6,
        per_device_eval_batch_size=6,
        max_completion_length=12,
        shuffle_dataset=False,
        **COMMON,
    )
    check_triplet_batches(args, 3)
    rows = triplet_rows(make_composites(2), tokenizer, epochs=1, seed=0)
    return GRPOTrainer(
        model_of(tokenizer, folder),
        # Random answers are never right: their lengths make the loss move.
        reward_funcs=[answer_reward, shortness_reward],
        args=args,
        train_dataset=rows,
        eval_dataset=rows.select(range(3)),
        processing_class=tokenizer,
    )


def state_of(trainer):
    model = trainer.model
    return (
        [m.training for m in model.modules()],
        model.config.use_cache,
        model.config._attn_implementation,
        model.generation_config.to_dict(),
        model.is_gradient_checkpointing,
        trainer.processing_class.padding_side,
        trainer.processing_class.truncation_side,
    )


@pytest.mark.parametrize("make", [sft, dpo, grpo])
def test_scores_are_logged_and_training_is_unchanged(make, tmp_path):
    torch.manual_seed(0)
    plain = make(str(tmp_path / "a"), make_tokenizer())
    plain.train()
    torch.manual_seed(0)
    watched = make(str(tmp_path / "b"), make_tokenizer())
    callback = CompositionalityCallback(
        watched, make_composites(), num_samples=2, sampling=SAMPLING
    )
    watched.add_callback(callback)
    watched.train()

    history = watched.state.log_history
    scores = [row for row in history if "eval_lore_nmad_compute" in row]
    assert [row["step"] for row in scores] == [1, 2]
    assert all(set(COMPOSITIONALITY_KEYS) <= set(row) for row in scores)
    # 12 tokens of a random model: what ended is counted, so the share is a number.
    assert all(0 <= row["eval_lore_truncated_share"] <= 1 for row in scores)
    # The trainer's own metrics are all there, once, and the same.
    own = [
        [{k: v for k, v in row.items() if not k.endswith(("time", "_second"))} for row in rows]
        for rows in (plain.state.log_history, [r for r in history if r not in scores])
    ]
    assert repr(own[0]) == repr(own[1])  # NaN is NaN
    assert sum("loss" in row for row in own[0]) == 2
    assert any(row.get("grad_norm", 0) > 0 for row in own[0])
    for a, b in zip(plain.model.parameters(), watched.model.parameters(), strict=True):
        assert torch.equal(a, b)


@pytest.mark.parametrize("make", [sft, dpo, grpo])
def test_the_model_is_left_as_it_was(make, tmp_path):
    """trl checkpoints activations by default, where generating in train mode goes wrong."""
    trainer = make(str(tmp_path), make_tokenizer())
    callback = CompositionalityCallback(
        trainer, make_composites(), num_samples=2, sampling=SAMPLING
    )
    model = trainer.model.eval()
    sampled = callback.measure(model)
    model.train()
    model.gradient_checkpointing_enable()
    trainer.processing_class.padding_side = "right"
    before = state_of(trainer)
    assert before[4]  # checkpointing
    assert repr(callback.measure(model)) == repr(sampled)
    assert state_of(trainer) == before
    callback.continuous_batching = True
    assert repr(callback.measure(model)) == repr(sampled)
    assert state_of(trainer) == before

    forward, calls = model.forward, []

    def breaking(*args, **kwargs):
        calls.append(1)
        if len(calls) == 3:
            raise RuntimeError("half-way")
        return forward(*args, **kwargs)

    model.forward = breaking
    for continuous_batching in (False, True):
        calls.clear()
        callback.continuous_batching = continuous_batching
        assert all(math.isnan(v) for v in callback.measure(model).values())
        assert len(calls) == 3
        assert state_of(trainer) == before
