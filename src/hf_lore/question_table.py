"""What a run is asked, as one Parquet file: composites, or plain questions.

Composites are lore-compo rows. Plain questions are rows of `QUESTION_FEATURES`, whose `kind` is
"question"; a composite's is "independent" or "chained", so a file says by itself what it holds.
"""

import hashlib
import json
from array import array
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeGuard, cast

import numpy as np

from .errors import ConfigError, RunMismatchError
from .questions import Composite, Question

if TYPE_CHECKING:
    import pyarrow as pa
    from datasets import Features

__all__ = [
    "PLAIN",
    "IdsHash",
    "Items",
    "TableSummary",
    "are_composites",
    "each_item",
    "question_features",
    "read_items",
    "summarise",
    "write_items",
]

Items = Sequence[Composite] | Sequence[Question]
PLAIN = "question"
BATCH_ROWS = 1000
ROW_GROUP_ROWS = 10_000


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
    """Write the file, a batch of rows at a time. Raises what `are_composites` does."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    from .builders import LORE_COMPO_FEATURES, composite_to_row, question_to_row

    def to_row(item: Composite | Question) -> dict[str, Any]:
        if isinstance(item, Composite):
            return composite_to_row(item)
        return {"kind": PLAIN, **question_to_row(item)}

    features = LORE_COMPO_FEATURES if are_composites(items) else question_features()
    schema = features.arrow_schema
    with pq.ParquetWriter(path, schema) as file:
        for start in range(0, len(items), ROW_GROUP_ROWS):
            rows = [to_row(item) for item in items[start : start + ROW_GROUP_ROWS]]
            file.write_table(pa.Table.from_pylist(rows, schema=schema))


def read_items(path: Path) -> list[Composite] | list[Question]:
    """What `write_items` wrote, in order.

    Raises:
        RunMismatchError: a file that is missing or damaged. ConfigError: rows that were edited.
    """
    return cast("list[Composite] | list[Question]", list(each_item(path)))


def each_item(path: Path) -> Iterator[Composite | Question]:
    """`read_items`, a batch of rows in memory at a time. Raises what it does, while it is read."""
    from .builders import composites_from_rows

    for batch in _batches(path):
        rows = batch.to_pylist()
        if {row.get("kind") for row in rows} == {PLAIN}:
            yield from _from_rows(rows, path)
        else:
            yield from composites_from_rows(rows)


@dataclass(frozen=True, slots=True)
class TableSummary:
    """What the ids of a table say of it.

    Args:
        ids_hash (`str`): as `run.questions_hash` of its items.
        n_items (`int`): composites, or plain questions.
        n_questions (`int`): distinct questions, parts and composed.
        kinds: of the items; `PLAIN` for questions.
        sizes: numbers of parts of the composites.
    """

    ids_hash: str
    n_items: int
    n_questions: int
    kinds: frozenset[str]
    sizes: frozenset[int]


def summarise(path: Path) -> TableSummary:
    """Read the ids alone; that they fit the rows' content is for `each_item` to check.

    Memory: 8 bytes a question, twice over while they are counted.

    Raises:
        RunMismatchError: a file that is missing, damaged, or holds ids of another kind.
    """
    digest = IdsHash()
    questions = array("Q")
    kinds: set[str] = set()
    sizes: set[int] = set()
    try:
        for batch in _batches(path, ["id", "kind", "parts.list.element.id", "composed.id"]):
            ids = batch["id"].to_pylist()
            digest.update(ids)
            kinds.update(batch["kind"].to_pylist())
            if "parts" in batch.schema.names:
                sizes.update(batch["parts"].value_lengths().to_pylist())
                ids = batch["parts"].flatten().field("id").to_pylist()
                ids += batch["composed"].field("id").to_pylist()
            # An id is 64 bits in hexadecimal behind its prefix.
            questions.extend(int(name[2:], 16) for name in ids)
    except (KeyError, TypeError, ValueError) as error:
        raise RunMismatchError(
            f"{path} has no ids of questions ({error}); fix: restore the file, or use another run "
            "directory"
        ) from None
    distinct = len(np.unique(np.frombuffer(questions, dtype=np.uint64)))
    return TableSummary(digest.name, digest.n_ids, distinct, frozenset(kinds), frozenset(sizes))


class IdsHash:
    """`content_hash("qs", ids)` of ids that come a few at a time."""

    def __init__(self) -> None:
        self._digest = hashlib.sha256(b"[[")
        self.n_ids = 0

    def update(self, ids: Iterable[str]) -> None:
        for name in ids:
            self._digest.update(b"," if self.n_ids else b"")
            self._digest.update(json.dumps(name, ensure_ascii=False).encode())
            self.n_ids += 1

    @property
    def name(self) -> str:
        """The hash with its prefix; more ids may follow."""
        done = self._digest.copy()
        done.update(b"]]")
        return f"qs-{done.hexdigest()[:16]}"


def _batches(path: Path, columns: Sequence[str] | None = None) -> Iterator["pa.RecordBatch"]:
    """Rows as dictionaries take several times what the items do: a batch of them at a time."""
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            yield from file.iter_batches(BATCH_ROWS, columns=columns)
    except (FileNotFoundError, pa.ArrowInvalid) as error:
        raise RunMismatchError(
            f"{path} cannot be read ({error}); fix: restore the file, or use another run directory"
        ) from None


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
