"""Preference pairs for DPO: the most against the least compositional right triple.

Both are chosen from the same right answers (configs sft_compo and sft_anti), so what differs is how
the lengths compose. Where a question has one right answer only, both are the same sample and there
is nothing to prefer: the pair is dropped and counted.
"""

from collections.abc import Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING

from ..errors import ConfigError
from .rows import training_rows

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

__all__ = ["PreferenceStats", "preference_rows"]


@dataclass(frozen=True, slots=True)
class PreferenceStats:
    """How many pairs there are.

    Args:
        pairs (`int`): kept.
        same_answer (`int`): dropped, the question having one right answer.
        shorter_chosen (`int`): pairs whose chosen completion is the shorter one.
    """

    pairs: int
    same_answer: int
    shorter_chosen: int

    def __str__(self) -> str:
        return (
            f"{self.pairs} pairs ({self.same_answer} questions with one right answer dropped); the "
            f"chosen answer is the shorter one in {self.shorter_chosen}"
        )


def preference_rows(
    compo: "Dataset",
    anti: "Dataset",
    tokenizer: "PreTrainedTokenizerBase",
    *,
    max_tokens: int,
    eos_ids: Collection[int],
) -> "tuple[Dataset, PreferenceStats]":
    """Pair the rows of two SFT configs by composite and role.

    Args:
        compo, anti: the chosen and the rejected answers.
        tokenizer, max_tokens, eos_ids: as for `training_rows`, whose checks both sides pass.

    Returns:
        Rows with prompt, chosen, rejected (text) and prompt_ids, chosen_ids, rejected_ids.

    Raises:
        ConfigError: configs that hold other composites or roles; no pair left; a spoilt row.
    """
    from datasets import Dataset, Features, List, Value

    for side in (compo, anti):
        training_rows(side, tokenizer, max_tokens=max_tokens, eos_ids=eos_ids)
    rejected = {(row["composite_id"], row["role"]): row for row in anti}
    if {(row["composite_id"], row["role"]) for row in compo} != rejected.keys():
        raise ConfigError(
            "the two configs hold different composites or roles; fix: take both from one dataset"
        )
    pairs, same, shorter = [], 0, 0
    for row in compo:
        other = rejected[row["composite_id"], row["role"]]
        if row["completion_ids"] == other["completion_ids"]:
            same += 1
            continue
        shorter += len(row["completion_ids"]) < len(other["completion_ids"])
        pairs.append(
            {
                "prompt": row["prompt"],
                "chosen": row["completion"],
                "rejected": other["completion"],
                "prompt_ids": row["prompt_ids"],
                "chosen_ids": row["completion_ids"],
                "rejected_ids": other["completion_ids"],
            }
        )
    if not pairs:
        raise ConfigError(
            f"all {same} questions have one right answer only, so there is nothing to prefer; fix: "
            "draw more samples a question"
        )
    text, ids = Value("string"), List(Value("int32"))
    features = Features({name: ids if name.endswith("_ids") else text for name in pairs[0]})
    return Dataset.from_list(pairs, features=features), PreferenceStats(len(pairs), same, shorter)
