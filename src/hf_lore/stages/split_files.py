"""Tables that grow while a run is read: SFT splits and selections, as Parquet in row groups.

Rows wait as Arrow until a row group is full, so memory does not grow with their number but for the
file's own index of row groups.
"""

import json
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pyarrow as pa
import pyarrow.parquet as pq
from datasets import config

from ..sft import SFT_FEATURES, count_exact_text

if TYPE_CHECKING:
    from datasets import Features
    from transformers import PreTrainedTokenizerBase

__all__ = ["GrowingTable", "SplitRows", "SplitWriter"]

# Rows turned into Arrow at a time, or sooner where they hold so many ids: as Python's numbers they
# take ten times the memory.
BATCH_ROWS = 128
BATCH_IDS = 1 << 17
ROW_GROUP_BYTES = 8 << 20


class GrowingTable:
    """A Parquet file that rows are added to; a context manager.

    Args:
        path (`Path`): the file, replaced where it exists.
        schema (`pyarrow.Schema`): of the rows.
    """

    def __init__(self, path: Path, schema: pa.Schema) -> None:
        self.path = path
        self.n_rows = 0
        self.n_bytes = 0
        self._schema = schema
        # As `datasets` writes Parquet, so that the Hub finds unchanged pages again.
        chunking = config.DEFAULT_CDC_OPTIONS
        self._file = pq.ParquetWriter(
            path, schema, use_content_defined_chunking=chunking, write_page_index=True
        )
        self._file.add_key_value_metadata({"content_defined_chunking": json.dumps(chunking)})
        self._rows: list[dict[str, Any]] = []
        self._waiting: list[pa.Table] = []
        self._waiting_bytes = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self.close()

    def add(self, rows: list[dict[str, Any]]) -> None:
        """Add rows as dictionaries."""
        self._rows += rows
        if len(self._rows) >= BATCH_ROWS:
            self._to_arrow()

    def add_file(self, other: "GrowingTable") -> None:
        """Finish another table of the same schema, and add its rows."""
        other.close()
        self._to_arrow()
        with pq.ParquetFile(other.path) as file:
            for batch in file.iter_batches():
                self._wait(pa.Table.from_batches([batch]))

    def close(self) -> None:
        """Write what waits and finish the file; a second call does nothing."""
        if self._file.is_open:
            self._to_arrow()
            self._write_row_group()
            self._file.close()

    def _to_arrow(self) -> None:
        if self._rows:
            self._wait(pa.Table.from_pylist(self._rows, schema=self._schema))
        self._rows = []

    def _wait(self, table: pa.Table) -> None:
        self.n_rows += len(table)
        self.n_bytes += table.nbytes
        self._waiting.append(table)
        self._waiting_bytes += table.nbytes
        if self._waiting_bytes >= ROW_GROUP_BYTES:
            self._write_row_group()

    def _write_row_group(self) -> None:
        if self._waiting:
            group = pa.concat_tables(self._waiting)
            self._file.write_table(group, row_group_size=len(group))
        self._waiting, self._waiting_bytes = [], 0


class SplitRows:
    """One config of the SFT splits, written and waiting to be put in its place: as much of a
    `datasets.Dataset` as a folder in Hub layout and its card ask for."""

    def __init__(self, table: GrowingTable) -> None:
        self._path = table.path
        self._n_rows, self._n_bytes = table.n_rows, table.n_bytes

    @property
    def features(self) -> "Features":
        return SFT_FEATURES

    def __len__(self) -> int:
        return self._n_rows

    def __getitem__(self, column: str) -> Iterator[Any]:
        """One column's values, some in memory at a time."""
        with pq.ParquetFile(self._path) as file:
            for batch in file.iter_batches(columns=[column]):
                yield from batch[column].to_pylist()

    def to_parquet(self, path: str) -> int:
        """Move the file to `path`, on the same file system; returns the rows' bytes in memory."""
        self._path = self._path.rename(path)
        return self._n_bytes


class SplitWriter:
    """Rows of one config on their way to a file.

    Args:
        path (`Path`): the file.
        tokenizer: the teacher's, to see which rows' text tokenises back to their ids.
    """

    def __init__(self, path: Path, tokenizer: "PreTrainedTokenizerBase") -> None:
        self.text_exact = 0
        self._tokenizer = tokenizer
        self._table = GrowingTable(path, SFT_FEATURES.arrow_schema)
        self._rows: list[dict[str, Any]] = []
        self._n_ids = 0

    def add(self, rows: Iterable[Mapping[str, Any]]) -> None:
        """Add rows of `SFT_FEATURES`."""
        for row in rows:
            self._rows.append(dict(row))
            self._n_ids += len(row["prompt_ids"]) + len(row["completion_ids"])
            if len(self._rows) == BATCH_ROWS or self._n_ids >= BATCH_IDS:
                self._flush()

    def _flush(self) -> None:
        self.text_exact += count_exact_text(self._rows, self._tokenizer)
        self._table.add(self._rows)
        self._rows, self._n_ids = [], 0

    def close(self) -> SplitRows:
        """Finish the file."""
        self._flush()
        self._table.close()
        return SplitRows(self._table)
