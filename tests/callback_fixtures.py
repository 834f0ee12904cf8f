"""What the tests of the law callbacks share: composites, a trainer, samplers that are written."""
# ruff: noqa: NPY002 — the legacy generator is the one that must be left alone.

import random

import numpy as np
import torch
from datasets import Dataset
from transformers import Trainer, TrainerCallback, TrainingArguments, default_data_collator

from hf_lore.questions import Composite, Question, compose
from hf_lore.sampling.sample import Sample, SamplingParams, sample_key
from hf_lore.training.law_eval import Outcome
from model_fixtures import make_llama
from training_fixtures import make_rows

SAMPLING = SamplingParams(temperature=0.9, max_new_tokens=12, seed=3)


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


def outcome(q, number, tokens, correct):
    return Outcome(q.id, number, tokens, 30, correct, "")
