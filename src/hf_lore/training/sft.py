"""Wires an `SFTTrainer`: checked rows in, refused settings out. Only the card is overridden."""

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import ConfigError
from ..questions import Question
from ..run import Run
from ..sampling.prompts import load_tokenizer
from ..sampling.sample import SamplingParams
from .publishing import carded, describe_training
from .retokenise import retokenise_rows
from .rows import RowStats, load_rows, training_rows
from .student import Student, allowed_tokens, student_of, weights_options
from .triplets import load_composites

if TYPE_CHECKING:
    from datasets import Dataset
    from trl import ModelConfig, SFTConfig, SFTTrainer

    from .callbacks import CompositionalityCallback
    from .recipe_config import LawEval, SftData

__all__ = ["sft_trainer"]


def sft_trainer(
    data: "SftData", law: "LawEval", training: "SFTConfig", model: "ModelConfig"
) -> "tuple[SFTTrainer, RowStats]":
    """Build the trainer of SFT-Compo, its control or its ablation.

    Args:
        data: which rows.
        law: what to measure at evaluations.
        training: trl's settings; `max_length` may bound packing, never cut a row.
        model: trl's model settings; `use_peft` for LoRA. Full training keeps float32 weights
            unless `dtype` says otherwise: in bfloat16 most updates of a small learning rate round
            to nothing.

    Raises:
        ConfigError: rows or settings that would not train on exactly the sampled tokens.
        MissingExtraError: LoRA without peft.
    """
    from trl import SFTTrainer, get_peft_config, get_quantization_config

    if training.packing and training.packing_strategy != "bfd":
        raise ConfigError(
            f"packing_strategy {training.packing_strategy!r} cuts traces into fragments; fix: bfd"
        )
    if training.packing and training.max_length is None:
        raise ConfigError(
            "packing needs max_length, the length of a packed row; fix: set it to the longest row "
            "or more"
        )
    student = student_of(model, training.trust_remote_code)
    dataset = load_rows(
        data.dataset_name,
        data.dataset_config,
        split=data.dataset_split,
        revision=data.dataset_revision,
    )
    if data.retokenise_questions is not None:
        dataset = _retokenised(dataset, data, student)
    rows, stats = training_rows(
        dataset,
        student.tokenizer,
        max_tokens=allowed_tokens(student, training.max_length),
        eos_ids=student.eos_ids,
    )
    held_out = None
    if training.eval_strategy != "no" or law.eval_composites or law.law_dataset:
        rows, held_out = _hold_out(rows, dataset["composite_id"], law, training)
    training.model_init_kwargs = weights_options(model, training.model_init_kwargs)
    trainer = carded(SFTTrainer)(
        model=model.model_name_or_path,
        args=training,
        train_dataset=rows,
        eval_dataset=held_out,
        processing_class=student.tokenizer,
        quantization_config=get_quantization_config(model),
        peft_config=get_peft_config(model),
    )
    parts = (data.dataset_config or "default", data.dataset_split)
    trainer.card_section = describe_training(data, training, model, parts, str(stats))
    if law.law_dataset is not None:
        trainer.add_callback(_law_callback(trainer, law, training.seed))
    return trainer, stats


def _retokenised(dataset: "Dataset", data: "SftData", student: Student) -> "Dataset":
    assert data.retokenise_questions is not None
    composites = load_composites(data.retokenise_questions)
    instruction: str | Callable[[Question], str] | None = data.retokenise_instruction
    tokenizer = data.teacher_tokenizer
    if (Path(data.retokenise_questions) / "manifest.json").is_file():
        manifest = Run.open(Path(data.retokenise_questions)).manifest
        instruction = instruction or manifest.asked
        tokenizer = tokenizer or manifest.tokenizer_source
    return retokenise_rows(
        dataset,
        {q.id: q for c in composites for q in c.questions},
        load_tokenizer(tokenizer or dataset[0]["teacher"]),
        student.tokenizer,
        instruction=instruction,
        eos_ids=student.eos_ids,
    )


def _hold_out(
    rows: "Dataset", composite_ids: Sequence[str], law: "LawEval", training: "SFTConfig"
) -> "tuple[Dataset, Dataset]":
    """The rows to train on, and those of the last `eval_composites` composites."""
    if training.eval_strategy == "no":
        raise ConfigError(
            "eval_composites and law_dataset are for evaluations, and eval_strategy is no; fix: "
            "eval_strategy: steps or epoch"
        )
    composites = list(dict.fromkeys(composite_ids))
    if not 0 < law.eval_composites < len(composites):
        raise ConfigError(
            f"eval_strategy is {training.eval_strategy.value}, and eval_composites is "
            f"{law.eval_composites} of {len(composites)}; fix: hold out at least 1 and not all"
        )
    chosen = set(composites[-law.eval_composites :])
    split: tuple[list[int], list[int]] = ([], [])
    for row, composite in enumerate(composite_ids):
        split[composite in chosen].append(row)
    return rows.select(split[0]), rows.select(split[1])


def _law_callback(trainer: "SFTTrainer", law: "LawEval", seed: int) -> "CompositionalityCallback":
    from .callbacks import CompositionalityCallback

    assert law.law_dataset is not None
    return CompositionalityCallback(
        trainer,
        load_composites(law.law_dataset, split=law.law_split)[: law.law_limit],
        law.law_num_samples,
        sampling=SamplingParams(
            temperature=law.law_temperature, max_new_tokens=law.law_max_new_tokens, seed=seed
        ),
        batch_size=law.law_batch_size,
        continuous_batching=law.law_continuous_batching,
    )
