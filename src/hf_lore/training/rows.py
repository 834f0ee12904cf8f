"""From published SFT rows to what the trainer is fed: `input_ids` and `labels`, checked.

The tokens trained on are the tokens sampled: ids are copied, never made from text. Every way to
spoil them silently is refused here instead: another tokenizer, a second BOS, a missing EOS, a row
that would be cut. Lengths are in tokens, prompt and completion together.
"""

import hashlib
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

__all__ = ["IGNORED", "RowStats", "load_rows", "training_rows"]

IGNORED = -100  # the label torch's cross entropy leaves out
QUANTILES = (0.5, 0.9, 0.99, 1.0)
COLUMNS = ("prompt", "completion", "prompt_ids", "completion_ids", "ids_source", "sample_key")


@dataclass(frozen=True, slots=True)
class RowStats:
    """What will be trained on.

    Args:
        rows (`int`): rows, one answer each.
        tokens (`int`): tokens fed to the model in one epoch.
        trained_tokens (`int`): those with a label, all of the completions, EOS included.
        length_quantiles (`dict[float, int]`): row lengths in tokens.
        ids_sources (`dict[str, int]`): rows by `ids_source`.
        budget_tokens (`int`): the longest row allowed.
    """

    rows: int
    tokens: int
    trained_tokens: int
    length_quantiles: dict[float, int]
    ids_sources: dict[str, int]
    budget_tokens: int

    def __str__(self) -> str:
        sources = ", ".join(f"{count} {name}" for name, count in self.ids_sources.items())
        return (
            f"{self.rows} rows ({sources}), {self.tokens} tokens, of which "
            f"{self.trained_tokens} ({self.trained_tokens / self.tokens:.1%}) are trained on; "
            f"row lengths {_quantile_text(self.length_quantiles)} of {self.budget_tokens} allowed"
        )


def load_rows(
    source: str, config: str | None, *, split: str = "train", revision: str | None = None
) -> "Dataset":
    """Load one split of an SFT dataset.

    Args:
        source: a run directory, its `dataset` folder, any folder in Hub layout, or a Hub id.
        config: for instance "sft_compo"; None for the dataset's default.
        split: name of the split.
        revision: branch, tag or commit of a Hub dataset.

    Raises:
        ConfigError: not found, or no such config or split.
    """
    from datasets import load_dataset
    from datasets.exceptions import DatasetNotFoundError

    folder = Path(source)
    if (folder / "dataset" / "README.md").is_file():
        source = str(folder / "dataset")
    elif folder.is_dir() and not (folder / "README.md").is_file():
        raise ConfigError(
            f"{source} holds neither dataset/README.md nor README.md, so it is neither a run "
            "directory with a built dataset nor a dataset folder; fix: run `hf-lore select` first"
        )
    try:
        cache = _cache_of(Path(source)) if Path(source).is_dir() else None
        return load_dataset(source, config, split=split, revision=revision, cache_dir=cache)
    except (DatasetNotFoundError, FileNotFoundError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ConfigError(
            f"cannot load split {split!r} of config {config!r} from {source}: {reason}; fix: check "
            "dataset_name, dataset_config and dataset_split"
        ) from error


def _cache_of(folder: Path) -> str:
    """A cache of this folder's own: datasets takes folders of equal names and sizes for the same,
    and would train on the rows of another run."""
    import datasets

    digest = hashlib.sha256()
    for file in sorted(folder.rglob("*.parquet")):
        digest.update(str(file.relative_to(folder)).encode())
        with file.open("rb") as rows:
            digest.update(hashlib.file_digest(rows, "sha256").digest())
    return str(Path(datasets.config.HF_DATASETS_CACHE) / f"hf-lore-{digest.hexdigest()[:16]}")


def training_rows(
    dataset: "Dataset",
    tokenizer: "PreTrainedTokenizerBase",
    *,
    max_tokens: int,
    eos_ids: Collection[int],
) -> "tuple[Dataset, RowStats]":
    """Turn SFT rows into `input_ids` and `labels`; labels are −100 on the prompt.

    Args:
        dataset: rows with the columns of a lore-sft-compo dataset.
        tokenizer: the student's.
        max_tokens: the longest row allowed, the model's context or less.
        eos_ids: ids that end a generation of the student; a completion must close with one.

    Returns:
        The dataset, in the order given, and its `RowStats`.

    Raises:
        ConfigError: a missing column, no rows, a row longer than `max_tokens`, ids that the
            student's tokenizer does not read as the row's text, a doubled BOS, a missing EOS.
    """
    if missing := [c for c in COLUMNS if c not in dataset.column_names]:
        raise ConfigError(
            f"the dataset has no column {', '.join(missing)} (it has "
            f"{', '.join(dataset.column_names)}); fix: train on a dataset built by `hf-lore select`"
        )
    if len(dataset) == 0:
        raise ConfigError(
            "the dataset has no rows, so no composite was selected; fix: read the rejections in "
            "the run's selection, then draw more samples"
        )
    stats = _measure(dataset, max_tokens)
    check = _RowCheck(tokenizer, frozenset(eos_ids))
    rows = dataset.map(
        check,
        remove_columns=dataset.column_names,
        features=_features(),
        # The checks live outside the cached function's hash: a stale cache would skip new ones.
        load_from_cache_file=False,
        desc="Checking rows",
    )
    return rows, stats


def _features() -> Any:
    from datasets import Features, List, Value

    return Features({"input_ids": List(Value("int32")), "labels": List(Value("int32"))})


def _measure(dataset: "Dataset", max_tokens: int) -> RowStats:
    import numpy as np
    import pyarrow.compute as pc

    columns = dataset.select_columns(["prompt_ids", "completion_ids"]).with_format("arrow")[:]
    prompt, completion = (
        np.asarray(pc.list_value_length(columns[name]), dtype=np.int64)
        for name in ("prompt_ids", "completion_ids")
    )
    lengths = prompt + completion
    # The smallest length that covers the share, so that 1.0 is the longest row.
    quantiles = {q: int(np.quantile(lengths, q, method="inverted_cdf")) for q in QUANTILES}
    if (too_long := int((lengths > max_tokens).sum())) > 0:
        raise ConfigError(
            f"{too_long} of {len(lengths)} rows are longer than the {max_tokens} tokens allowed "
            f"(row lengths: {_quantile_text(quantiles)}), and cutting a trace would drop its "
            "answer; fix: train a model with a longer context, raise max_length if you set it, or "
            "sample with a smaller max_new_tokens"
        )
    return RowStats(
        rows=len(lengths),
        tokens=int(lengths.sum()),
        trained_tokens=int(completion.sum()),
        length_quantiles=quantiles,
        ids_sources=dict(sorted(Counter(dataset["ids_source"]).items())),
        budget_tokens=max_tokens,
    )


def _quantile_text(quantiles: Mapping[float, int]) -> str:
    names = {0.5: "median", 1.0: "longest"}
    return ", ".join(f"{names.get(q, f'{q:.0%}')} {n}" for q, n in quantiles.items())


class _RowCheck:
    """Checks one row against the student's tokenizer, and lays it out for the trainer."""

    def __init__(self, tokenizer: "PreTrainedTokenizerBase", eos_ids: frozenset[int]) -> None:
        self.tokenizer = tokenizer
        self.eos_ids = eos_ids

    def __call__(self, row: Mapping[str, Any]) -> dict[str, list[int]]:
        prompt, completion = list(row["prompt_ids"]), list(row["completion_ids"])
        where = f"row {row['sample_key']}"
        if not prompt or not completion:
            raise ConfigError(f"{where} has no ids; fix: build the dataset again")
        bos = self.tokenizer.bos_token_id
        has_bos = bos is not None and prompt[0] == bos
        if has_bos and prompt[1:2] == [bos]:
            raise ConfigError(
                f"{where} begins with two BOS tokens, which no sampler feeds; fix: render the "
                "prompt without BOS, or tokenise it with add_special_tokens=False"
            )
        # The text carries BOS where only the template adds it, not where the tokenizer does.
        in_text = has_bos and row["prompt"].startswith(self.tokenizer.bos_token)
        self._same_text(where, "prompt", prompt[has_bos and not in_text :], row["prompt"])
        self._same_text(where, "completion", completion, row["completion"])
        if completion[-1] not in self.eos_ids:
            raise ConfigError(
                f"{where} does not end in EOS (last id {completion[-1]}, the model ends at "
                f"{sorted(self.eos_ids)}), so the model would not learn to stop; fix: keep only "
                "samples that finished, EOS included"
            )
        return {
            "input_ids": prompt + completion,
            "labels": [IGNORED] * len(prompt) + completion,
        }

    def _same_text(self, where: str, column: str, ids: list[int], text: str) -> None:
        if max(ids, default=0) < len(self.tokenizer):
            read = self.tokenizer.decode(
                ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
            )
            if read == text:
                return
            at = next(
                (i for i, (a, b) in enumerate(zip(read, text)) if a != b),
                min(len(read), len(text)),
            )
            seen = f"{read[at : at + 20]!r} where the text has {text[at : at + 20]!r}"
        else:
            seen = f"nothing: id {max(ids)} is beyond its {len(self.tokenizer)} ids"
        raise ConfigError(
            f"{where}: the student's tokenizer reads {column}_ids as {seen}, so teacher and "
            "student do not share a tokenizer; fix: set retokenise_questions to the run that holds "
            "the questions, or train a student with the teacher's tokenizer"
        )
