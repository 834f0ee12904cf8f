"""Wires an `SFTTrainer`: checked rows in, refused settings out. Nothing of trl is overridden."""

from typing import TYPE_CHECKING

from ..errors import ConfigError
from .rows import RowStats, load_rows, training_rows
from .student import allowed_tokens, student_of, weights_options

if TYPE_CHECKING:
    from trl import ModelConfig, SFTConfig, SFTTrainer

    from .recipe_config import SftData

__all__ = ["sft_trainer"]


def sft_trainer(
    data: "SftData", training: "SFTConfig", model: "ModelConfig"
) -> "tuple[SFTTrainer, RowStats]":
    """Build the trainer of SFT-Compo, its control or its ablation.

    Args:
        data: which rows.
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
    rows, stats = training_rows(
        dataset,
        student.tokenizer,
        max_tokens=allowed_tokens(student, training.max_length),
        eos_ids=student.eos_ids,
    )
    training.model_init_kwargs = weights_options(model, training.model_init_kwargs)
    trainer = SFTTrainer(
        model=model.model_name_or_path,
        args=training,
        train_dataset=rows,
        processing_class=student.tokenizer,
        quantization_config=get_quantization_config(model),
        peft_config=get_peft_config(model),
    )
    return trainer, stats
