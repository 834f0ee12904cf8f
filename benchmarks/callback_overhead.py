"""What `CompositionalityCallback` costs beyond its generation: wall time and memory.

The same draws of the same model, alternating: `TransformersSampler` alone, and a whole evaluation
of the callback in a Trainer (drawing, grading, scoring, logging). Then many evaluations in a row,
and the resident memory of this process after each.

    python benchmarks/callback_overhead.py [--composites 16] [--draws 8] [--evaluations 50]

The model is the tiny reasoner that ships with the package; the larger the model, the smaller the
share of everything but generation.
"""

import argparse
import logging
import statistics
import tempfile
import time
from pathlib import Path

import psutil
import torch
from datasets import Dataset
from ratio import print_ratio
from transformers import AutoModelForCausalLM, Trainer, TrainingArguments

import hf_lore
from hf_lore.compo import build_composites
from hf_lore.sampling.in_process import TransformersSampler
from hf_lore.sampling.prompts import load_tokenizer
from hf_lore.sampling.sample import SamplingParams
from hf_lore.tiny.world import tiny_questions
from hf_lore.training.callbacks import CompositionalityCallback
from hf_lore.training.law_eval import draws_of

TINY = Path(hf_lore.__file__).parent / "tiny" / "weights"


def make_trainer(folder: str) -> Trainer:
    """A trainer around the model, whose own evaluation is one row."""
    tokenizer = load_tokenizer(TINY)
    model = AutoModelForCausalLM.from_pretrained(TINY, dtype=torch.float32)
    row = {"input_ids": [1, 2, 3], "labels": [1, 2, 3]}
    return Trainer(
        model=model,
        args=TrainingArguments(folder, use_cpu=True, report_to="none", disable_tqdm=True),
        eval_dataset=Dataset.from_list([row]),
        processing_class=tokenizer,
    )


def seconds(work) -> float:  # noqa: ANN001
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--composites", type=int, default=16)
    parser.add_argument("--draws", type=int, default=8)
    parser.add_argument("--max-new-tokens", type=int, default=512)
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--evaluations", type=int, default=50)
    args = parser.parse_args()
    logging.getLogger("transformers").setLevel(logging.ERROR)

    composites = build_composites(tiny_questions(3 * args.composites, 0), limit=args.composites)
    params = SamplingParams(temperature=0.6, max_new_tokens=args.max_new_tokens)
    with tempfile.TemporaryDirectory() as folder:
        trainer = make_trainer(folder)
        callback = CompositionalityCallback(trainer, composites, args.draws, sampling=params)
        draws = draws_of(callback.prompts, args.draws, params.seed)

        def alone() -> int:
            sampler = TransformersSampler(
                trainer.model,
                callback.tokenizer,
                revision="bench",
                batch_size=callback.batch_size,
                tags=callback.tags,
            )
            return sum(s.n_tokens for group in sampler.sample(draws, params) for s in group)

        def watched() -> None:
            callback.on_evaluate(
                trainer.args, trainer.state, trainer.control, metrics={}, model=trainer.model
            )

        tokens = alone()  # and warm both up
        watched()
        times = [(seconds(alone), seconds(watched)) for _ in range(args.repeats)]
        best = [min(column) for column in zip(*times, strict=True)]
        ratios = [b / a for a, b in times]
        print(
            f"{len(draws)} draws, {tokens:,} tokens, {torch.get_num_threads()} threads: generation "
            f"alone {best[0]:.2f} s, the callback {best[1]:.2f} s"
        )
        print(
            f"callback / generation: {best[1] / best[0]:.3f} of the best times, median of "
            f"{args.repeats} pairs {statistics.median(ratios):.3f}, from {min(ratios):.3f} to "
            f"{max(ratios):.3f}"
        )
        print_ratio(
            "the law callback at an evaluation",
            "the same generation alone",
            statistics.median(ratios),
            at_most=1.1,
            spread=(min(ratios), max(ratios)),
        )

        process = psutil.Process()
        # Few draws: what an evaluation leaves behind does not depend on how long it takes.
        small = CompositionalityCallback(trainer, composites[:4], 2, sampling=params)
        held = []
        for _ in range(args.evaluations):
            small.measure(trainer.model)
            held.append(process.memory_info().rss / 2**20)
        fifth = max(1, len(held) // 5)
        print(
            f"resident memory over {len(held)} evaluations: after the first {held[0]:.0f} MiB, "
            f"mean of the first {fifth} {statistics.mean(held[:fifth]):.0f} MiB, of the last "
            f"{fifth} {statistics.mean(held[-fifth:]):.0f} MiB, most {max(held):.0f} MiB"
        )


if __name__ == "__main__":
    main()
