"""Rows for GRPO that keep the questions of a composite together.

trl draws G completions of each row and rewards them batch by batch; the law needs all roles of a
composite in one batch. So composites are shuffled as wholes here, and `shuffle_dataset` is off.
"""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..builders import composites_from_rows
from ..errors import ConfigError
from ..questions import Composite
from ..run import Run
from ..sampling.counting import R1_TAGS, ThinkTags
from ..sampling.prompts import render_prompts
from .rows import load_rows

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase
    from trl import GRPOConfig

__all__ = ["check_triplet_batches", "load_composites", "triplet_rows"]


def load_composites(
    source: str, config: str | None = None, *, split: str = "test", revision: str | None = None
) -> list[Composite]:
    """Independent composites of a run directory, a lore-compo folder or a Hub id.

    Raises:
        ConfigError: not found, or none independent.
    """
    if (Path(source) / "manifest.json").is_file():
        found = Run.open(Path(source)).composites()
    else:
        found = list(
            composites_from_rows(load_rows(source, config, split=split, revision=revision))
        )
    kept = [c for c in found if c.kind == "independent"]
    if not kept:
        raise ConfigError(f"{source} holds no independent composite; fix: build some")
    return kept


def triplet_rows(
    composites: Sequence[Composite],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    epochs: int = 1,
    seed: int = 0,
    instruction: str | None = None,
    tags: ThinkTags = R1_TAGS,
) -> "Dataset":
    """One row a question, the rows of a composite side by side, composites in shuffled order.

    Args:
        composites: all of the same number of parts.
        epochs: how often each composite comes, each time in another order; train one epoch on the
            result.
        seed: of the shuffling.
        tags: think tags, one token each.

    Returns:
        Columns prompt (rendered, without BOS where the tokenizer adds it), composite_id, role,
        question_id, gold, answer_types, close_id, open_id.

    Raises:
        ConfigError: no composites, different numbers of parts, tags of several tokens.
    """
    from datasets import Dataset, Features, List, Value

    if not composites:
        raise ConfigError("there is no composite to train on; fix: build some")
    if len({len(c.parts) for c in composites}) > 1:
        raise ConfigError("composites differ in their number of parts; fix: train on one number")
    ids = [tokenizer.encode(tag, add_special_tokens=False) for tag in (tags.close, tags.open)]
    if any(len(found) != 1 for found in ids):
        raise ConfigError(
            f"{tags.open} or {tags.close} is not one token of this tokenizer, so reasoning cannot "
            "be counted by ids; fix: pass the tags that the model uses"
        )
    questions = {q.id: q for c in composites for q in c.questions}
    prompts = {
        p.question_id: p.text
        for p in render_prompts(list(questions.values()), tokenizer, instruction)
    }
    rng = random.Random(seed)
    rows: list[dict[str, Any]] = []
    for _ in range(epochs):
        for composite in rng.sample(list(composites), len(composites)):
            rows += [
                {
                    "prompt": prompts[question.id],
                    "composite_id": composite.id,
                    "role": role,
                    "question_id": question.id,
                    "gold": list(question.gold),
                    "answer_types": list(question.answer_types),
                    "close_id": ids[0][0],
                    "open_id": ids[1][0],
                }
                for role, question in zip(composite.roles, composite.questions, strict=True)
            ]
    text, many, number = Value("string"), List(Value("string")), Value("int32")
    return Dataset.from_list(
        rows,
        features=Features(
            {
                "prompt": text,
                "composite_id": text,
                "role": text,
                "question_id": text,
                "gold": many,
                "answer_types": many,
                "close_id": number,
                "open_id": number,
            }
        ),
    )


def check_triplet_batches(training: "GRPOConfig", questions: int = 3) -> None:
    """Refuse settings under which a composite's rows could be torn apart.

    Args:
        training: trl's settings.
        questions: rows a composite, parts and composed question.

    Raises:
        ConfigError: shuffling on, or a batch of a process that is no multiple of whole composites.
    """
    if training.shuffle_dataset:
        raise ConfigError(
            "shuffle_dataset would tear composites apart; fix: false, rows are shuffled as wholes"
        )
    whole = questions * training.num_generations
    local = training.per_device_train_batch_size * training.steps_per_generation
    if local % whole:
        raise ConfigError(
            f"a process generates {local} completions at a time (per_device_train_batch_size x "
            f"steps_per_generation), but a composite takes {whole} ({questions} questions x "
            f"{training.num_generations} generations); fix: a multiple of {whole}"
        )
