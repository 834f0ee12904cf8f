"""What a run is asked, as one Parquet file: composites, or plain questions.

Composites are lore-compo rows. Plain questions are rows of `QUESTION_FEATURES`, whose `kind` is
"question"; a composite's is "independent" or "chained", so a file says by itself what it holds.
"""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

from .errors import ConfigError, RunMismatchError
from .questions import Composite, Question

if TYPE_CHECKING:
    from datasets import Features

__all__ = ["Items", "are_composites", "question_features", "read_items", "write_items"]

Items = Sequence[Composite] | Sequence[Question]
PLAIN = "question"
BATCH_ROWS = 1000


def question_features() -> "Features":
    """The columns of plain questions: those of a composite's part, and `kind`."""
    from datasets import Features, Value

    from .builders import LORE_COMPO_FEATURES

    return Features({"kind": Value("string"), **LORE_COMPO_FEATURES["parts"].feature})


def are_composites(items: Items) -> TypeGuard[Sequence[Composite]]:
    """Whether these are composites rather than plain questions.

    Raises:
        ConfigError: some of each.
    """
    kinds = {isinstance(item, Composite) for item in items}
    if len(kinds) > 1:
        raise ConfigError(
            "a run holds composites or plain questions, not both; fix: one run for each"
        )
    return kinds == {True}


def write_items(path: Path, items: Items) -> None:
    """Write the file. Raises what `are_composites` does."""
    from datasets import Dataset

    from .builders import LORE_COMPO_FEATURES, composite_to_row, question_to_row

    if are_composites(items):
        rows = [composite_to_row(c) for c in items]
        Dataset.from_list(rows, features=LORE_COMPO_FEATURES).to_parquet(str(path))
        return
    questions = cast("Sequence[Question]", items)
    plain = [{"kind": PLAIN, **question_to_row(question)} for question in questions]
    Dataset.from_list(plain, features=question_features()).to_parquet(str(path))


def read_items(path: Path) -> list[Composite] | list[Question]:
    """What `write_items` wrote, in order.

    Raises:
        RunMismatchError: a file that is missing or damaged. ConfigError: rows that were edited.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    from .builders import composites_from_rows

    composites: list[Composite] = []
    questions: list[Question] = []
    try:
        # Rows as dictionaries take several times what the items do: a batch of them at a time.
        for batch in pq.ParquetFile(path).iter_batches(BATCH_ROWS):
            rows = batch.to_pylist()
            if {row.get("kind") for row in rows} == {PLAIN}:
                questions += _from_rows(rows, path)
            else:
                composites += composites_from_rows(rows)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise RunMismatchError(
            f"{path} cannot be read ({error}); fix: restore the file, or use another run directory"
        ) from None
    return questions or composites


def _from_rows(rows: Iterable[Mapping[str, Any]], path: Path) -> Iterable[Question]:
    from .builders import question_from_row

    for number, row in enumerate(rows, 1):
        question = question_from_row(row)
        if question.id != row["id"]:
            raise ConfigError(
                f"{path}, row {number}, has id {row['id']} but its content hashes to "
                f"{question.id}, so it was edited; fix: restore the file"
            )
        yield question
