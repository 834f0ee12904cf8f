"""The SFT splits: SFT-Compo, its random control and the anti-compositional ablation.

A row is one chosen answer with the ids that were sampled and the way back to them. The three
configs hold the same composites and roles and differ in completions only. Choosing is not done
here (selection.py), nor is training (training/).
"""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from datasets import Dataset, Features, List, Value

from .errors import ConfigError
from .questions import Composite
from .sampling.sample import Prompt, Sample
from .selection import Selection, SelectionStrategy

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = [
    "SFT_CONFIGS",
    "SFT_FEATURES",
    "SelectionReport",
    "SftSplits",
    "build_sft_splits",
    "count_exact_text",
    "sft_rows",
]

# Config of the dataset → strategy of the `CompoSelector` that chose its rows.
SFT_CONFIGS: dict[str, SelectionStrategy] = {
    "sft_compo": "min",
    "sft_control": "random",
    "sft_anti": "max",
}

SFT_FEATURES = Features(
    {
        "prompt": Value("string"),
        "completion": Value("string"),
        "prompt_ids": List(Value("int32")),
        "completion_ids": List(Value("int32")),
        "ids_source": Value("string"),
        "composite_id": Value("string"),
        "role": Value("string"),
        "question_id": Value("string"),
        "sample_key": Value("string"),
        "reasoning_tokens": Value("int32"),
        "teacher": Value("string"),
        "teacher_revision": Value("string"),
    }
)


@dataclass(frozen=True, slots=True)
class SelectionReport:
    """What became of the composites of a run.

    Args:
        composites (`int`): how many came in; selected + rejected, always.
        selected (`int`): how many gave a triple.
        rejected (`dict[str, int]`): reason → count.
        text_exact (`dict[str, int]`): config → rows whose text tokenises back to their ids.
        rows (`int`): rows a config.
        control_seed, max_relative_gap, retokenise, limit: as `stages.select` was called.
    """

    composites: int
    selected: int
    rejected: dict[str, int] = field(default_factory=dict)
    text_exact: dict[str, int] = field(default_factory=dict)
    rows: int = 0
    control_seed: int = 0
    max_relative_gap: float | None = None
    retokenise: bool = False
    limit: int | None = None

    @property
    def settings(self) -> dict[str, int | float | bool | None]:
        """How the choice was made, beside the run's own manifest."""
        return {
            "control_seed": self.control_seed,
            "max_relative_gap": self.max_relative_gap,
            "retokenise": self.retokenise,
            "limit": self.limit,
        }


@dataclass(frozen=True, slots=True)
class SftSplits:
    """The configs as datasets, and how faithful their text columns are.

    Args:
        configs (`dict[str, Dataset]`): config name → rows.
        text_exact (`dict[str, int]`): rows whose `prompt` and `completion` tokenise back to
            `prompt_ids` and `completion_ids`. The other rows train on the sampled tokens only
            through the ids.
    """

    configs: dict[str, Dataset]
    text_exact: dict[str, int]


def build_sft_splits(
    composites: Sequence[Composite],
    selections: Mapping[str, Iterable[Selection]],
    find_sample: Callable[[str], Sample],
    prompts: Mapping[str, Prompt],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    retokenise: bool = False,
) -> SftSplits:
    """Turn selections into the rows that are trained on.

    Args:
        composites: every composite that a selection may name.
        selections: config name (`SFT_CONFIGS`) → what was chosen for it.
        find_sample: sample key → stored sample.
        prompts: question id → the prompt the model was fed.
        tokenizer: the teacher's.
        retokenise (`bool`, defaults to False): tokenise the text where the server recorded no
            ids; such rows say `ids_source = "retokenised"`.

    Returns:
        `SftSplits`, rows in the order of `composites`, then role.

    Raises:
        ConfigError: samples without token ids and `retokenise` not asked for.
    """
    configs, text_exact = {}, {}
    for name, chosen in selections.items():
        by_composite = {s.composite_id: s for s in chosen}
        rows: list[dict[str, Any]] = []
        for composite in composites:
            if selection := by_composite.get(composite.id):
                rows += sft_rows(
                    composite,
                    selection,
                    find_sample,
                    prompts.__getitem__,
                    tokenizer,
                    retokenise=retokenise,
                )
        configs[name] = Dataset.from_list(rows, features=SFT_FEATURES)
        text_exact[name] = count_exact_text(rows, tokenizer)
    return SftSplits(configs, text_exact)


def sft_rows(
    composite: Composite,
    selection: Selection,
    find_sample: Callable[[str], Sample],
    find_prompt: Callable[[str], Prompt],
    tokenizer: "PreTrainedTokenizerBase",
    *,
    retokenise: bool = False,
) -> Iterator[dict[str, Any]]:
    """The rows of one composite, in the order of its roles; arguments and errors as
    `build_sft_splits`."""
    for role, question, key in zip(
        composite.roles, composite.questions, selection.sample_keys, strict=True
    ):
        sample, prompt = find_sample(key), find_prompt(question.id)
        if sample.token_ids is not None:
            # Specials are part of the text: without EOS a stock trainer would teach no ending.
            ids = list(sample.token_ids)
            completion = tokenizer.decode(
                ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
        elif retokenise:
            completion = sample.text + tokenizer.eos_token
            ids = tokenizer(completion, add_special_tokens=False)["input_ids"]
        else:
            raise ConfigError(
                f"sample {key} has no token ids (counted by {sample.count_method!r}), so the "
                "tokens trained on could not be the tokens sampled; fix: sample from a server that "
                "returns ids, or accept re-tokenised text with --retokenise"
            )
        yield {
            "prompt": prompt.text,
            "completion": completion,
            "prompt_ids": list(prompt.token_ids),
            "completion_ids": ids,
            "ids_source": "sampled" if sample.token_ids is not None else "retokenised",
            "composite_id": composite.id,
            "role": role,
            "question_id": question.id,
            "sample_key": key,
            "reasoning_tokens": sample.reasoning_tokens,
            "teacher": sample.model,
            "teacher_revision": sample.revision,
        }


def count_exact_text(
    rows: Sequence[Mapping[str, Any]], tokenizer: "PreTrainedTokenizerBase"
) -> int:
    """Rows whose text tokenises to their ids, as a stock trainer would tokenise it."""
    if not rows:
        return 0
    found = tokenizer([row["prompt"] + row["completion"] for row in rows])["input_ids"]
    return sum(
        ids == row["prompt_ids"] + row["completion_ids"]
        for ids, row in zip(found, rows, strict=True)
    )
