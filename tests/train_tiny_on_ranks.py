"""Train the tiny reasoner for a few steps, watched by both law callbacks, on one process or more.

    python train_tiny_on_ranks.py OUT ROWS_A_STEP
    torchrun --nproc_per_node 2 train_tiny_on_ranks.py OUT ROWS_A_STEP

Writes OUT/log.json: what was logged, and what each draw of each evaluation was. Writes
OUT/rows.RANK.json: the ids of the rows of each batch of this rank, in order. Writes OUT/model.
"""

import json
import os
import sys
from pathlib import Path

import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM, Trainer, TrainerCallback, TrainingArguments

from hf_lore.question_sets import tiny_composites, tiny_mono
from hf_lore.sampling.prompts import load_tokenizer, render_prompts
from hf_lore.sampling.sample import SamplingParams
from hf_lore.tiny import tiny_path, tiny_questions
from hf_lore.tiny.world import render_completion
from hf_lore.training.callbacks import CompositionalityCallback, MonotonicityCallback

WIDTH = 160  # tokens of the longest row and its padding


class Outcomes(TrainerCallback):
    """Notes every draw of the law callbacks after each evaluation."""

    def __init__(self, watched):
        self.watched, self.seen = watched, []

    def on_evaluate(self, args, state, control, **kwargs):
        self.seen.append(
            [
                sorted([o.question_id, o.number, o.text, o.correct] for o in callback.outcomes)
                for callback in self.watched
            ]
        )


def make_rows(tokenizer, n):
    rows = []
    questions = tiny_questions(n, seed=9)
    for prompt, question in zip(render_prompts(questions, tokenizer), questions, strict=True):
        text = render_completion(question, "normal") + tokenizer.eos_token
        completion = tokenizer(text, add_special_tokens=False)["input_ids"]
        ids = [*prompt.token_ids, *completion]
        padding = WIDTH - len(ids)
        assert padding >= 0
        rows.append(
            {
                "input_ids": ids + [tokenizer.pad_token_id] * padding,
                "attention_mask": [1] * len(ids) + [0] * padding,
                "labels": [-100] * len(prompt.token_ids) + completion + [-100] * padding,
            }
        )
    return Dataset.from_list(rows)


def main() -> None:
    out, rows_a_step = Path(sys.argv[1]), int(sys.argv[2])
    ranks, rank = int(os.environ.get("WORLD_SIZE", 1)), int(os.environ.get("RANK", 0))
    out.mkdir(parents=True, exist_ok=True)
    tokenizer = load_tokenizer(tiny_path())
    model = AutoModelForCausalLM.from_pretrained(tiny_path(), dtype=torch.float32)
    rows = make_rows(tokenizer, 24)
    seen = []

    def collate(items):
        batch = {key: torch.tensor([item[key] for item in items]) for key in items[0]}
        seen.append(batch["input_ids"].tolist())
        return batch

    trainer = Trainer(
        model=model,
        args=TrainingArguments(
            str(out),
            max_steps=6,
            per_device_train_batch_size=rows_a_step // ranks,
            per_device_eval_batch_size=4 // ranks,
            eval_strategy="steps",
            eval_steps=3,
            eval_on_start=True,
            logging_steps=1,
            learning_rate=1e-4,
            save_strategy="no",
            report_to="none",
            use_cpu=True,
            disable_tqdm=True,
            seed=5,
        ),
        data_collator=collate,
        train_dataset=rows.select(range(16)),
        eval_dataset=rows.select(range(16, 24)),
        processing_class=tokenizer,
    )
    sampling = SamplingParams(temperature=0.6, max_new_tokens=256, seed=3)
    composites = tiny_composites(5)
    families = {}
    for question in tiny_mono(range(1, 4), instances=1):
        families.setdefault(question.subject, []).append(question)
    watched = [
        CompositionalityCallback(trainer, composites, 3, sampling=sampling),
        MonotonicityCallback(trainer, families, 3, sampling=sampling),
        # Odd numbers of draws and questions, so that the ranks' shares differ.
        CompositionalityCallback(
            trainer, composites[:3], 3, sampling=sampling, continuous_batching=True
        ),
    ]
    outcomes = Outcomes(watched)
    for callback in (*watched, outcomes):
        trainer.add_callback(callback)
    trainer.train()
    (out / f"rows.{rank}.json").write_text(json.dumps(seen))
    (out / f"draws.{rank}.json").write_text(json.dumps(outcomes.seen))
    if trainer.is_world_process_zero():
        (out / "log.json").write_text(json.dumps(trainer.state.log_history))
        trainer.save_model(out / "model")


if __name__ == "__main__":
    main()
