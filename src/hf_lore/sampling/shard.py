"""One SQLite file of samples and prompts: insert, commit, read in order, check.

Transactions are opened by the first insert and closed by `commit`, so many samples share one write
to disk. A rollback journal with full synchronisation: what is committed survives the death of the
process and of the machine, on network file systems too, where a write-ahead log does not work.
Locks between processes and the timing of commits are the store's business, damaged files that of
`recovery`.
"""

import sqlite3
import threading
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from ..errors import HfLoreError, RunMismatchError
from .rows import (
    PROMPT_COLUMNS,
    SAMPLE_COLUMNS,
    DamagedRowError,
    decode_prompt,
    decode_sample,
    encode_prompt,
    encode_sample,
)
from .sample import Prompt, Sample

__all__ = ["Shard"]

BUSY_TIMEOUT_S = 60.0
# Rows fetched at a time: long traces are some 150 KB each.
READ_ROWS = 64

_SAMPLES = ", ".join(SAMPLE_COLUMNS)
_PROMPTS = ", ".join(PROMPT_COLUMNS)
_SCHEMA = f"""
CREATE TABLE IF NOT EXISTS samples (id INTEGER PRIMARY KEY, {_SAMPLES}, UNIQUE (key));
CREATE INDEX IF NOT EXISTS samples_in_order ON samples (question_id, draw, key);
CREATE TABLE IF NOT EXISTS prompts (id INTEGER PRIMARY KEY, {_PROMPTS}, UNIQUE (question_id));
"""
_ADD_SAMPLE = (
    f"INSERT INTO samples ({_SAMPLES}) VALUES ({', '.join('?' * len(SAMPLE_COLUMNS))}) "
    "ON CONFLICT (key) DO NOTHING"
)
_ADD_PROMPT = (
    f"INSERT INTO prompts ({_PROMPTS}) VALUES ({', '.join('?' * len(PROMPT_COLUMNS))}) "
    "ON CONFLICT (question_id) DO NOTHING"
)


class Shard:
    """One file of the store; every method may be called from any thread.

    Args:
        path (`Path`): the SQLite file; made where absent, unless `read_only`.
        read_only (`bool`): refuse writes. A journal left by a killed writer is still rolled back.
    """

    def __init__(self, path: Path, *, read_only: bool = False) -> None:
        self.path = path
        self._lock = threading.RLock()
        mode = "rw" if read_only else "rwc"
        self._db = sqlite3.connect(
            f"{path.absolute().as_uri()}?mode={mode}",
            uri=True,
            timeout=BUSY_TIMEOUT_S,
            isolation_level=None,
            check_same_thread=False,
        )
        try:
            if read_only:
                self._db.execute("PRAGMA query_only = ON")
            else:
                self._db.execute("PRAGMA journal_mode = DELETE")
                self._db.execute("PRAGMA synchronous = FULL")
                self._db.executescript(_SCHEMA)
        except sqlite3.Error:
            self._db.close()
            raise

    # ---- writing ----

    def add(self, samples: Sequence[Sample]) -> int:
        """Insert into the open transaction; the number that were new."""
        rows = [encode_sample(s) for s in samples]
        with self._lock:
            new = self._insert(_ADD_SAMPLE, rows)
            if new < len(rows):
                self._refuse_conflicts("samples", _SAMPLES, "key", rows)
        return new

    def put_prompts(self, prompts: Sequence[Prompt]) -> int:
        """Insert into the open transaction; the number that were new."""
        rows = [encode_prompt(p) for p in prompts]
        with self._lock:
            new = self._insert(_ADD_PROMPT, rows)
            if new < len(rows):
                self._refuse_conflicts("prompts", _PROMPTS, "question_id", rows)
        return new

    def _insert(self, statement: str, rows: Sequence[Sequence[Any]]) -> int:
        if not rows:
            return 0
        try:
            if not self._db.in_transaction:
                self._db.execute("BEGIN IMMEDIATE")
            return self._db.executemany(statement, rows).rowcount
        except sqlite3.Error as error:
            raise self._not_written(error) from error

    def _refuse_conflicts(
        self, table: str, columns: str, name: str, rows: Sequence[Sequence[Any]]
    ) -> None:
        select = f"SELECT {columns} FROM {table} WHERE {name} = ?"
        for row in rows:
            held = self._db.execute(select, (row[0],)).fetchone()
            if held != row:
                names = columns.split(", ")[:-1]
                differs = [n for n, a, b in zip(names, held, row) if a != b]
                raise RunMismatchError(
                    f"{self.path} already holds {name} {row[0]} with another "
                    f"{' and '.join(differs)}: two runs wrote into one store, or the sampler did "
                    "not repeat itself; fix: use a fresh run directory"
                )

    def commit(self) -> None:
        """Close the transaction; afterwards its rows survive any kill."""
        with self._lock:
            if self._db.in_transaction:
                try:
                    self._db.execute("COMMIT")
                except sqlite3.Error as error:
                    raise self._not_written(error) from error

    def _not_written(self, error: sqlite3.Error) -> HfLoreError:
        if self._db.in_transaction:
            self._db.execute("ROLLBACK")
        return HfLoreError(
            f"cannot write samples to {self.path}: {error}; what was committed is safe, the last "
            "half second is not; fix: free disk space, then run the same command again"
        )

    def close(self) -> None:
        with self._lock:
            self._db.close()

    # ---- reading ----

    def keys(self) -> Iterator[str]:
        for (key,) in self._pages(
            "SELECT key FROM samples WHERE key > ? ORDER BY key", ("",), 4096
        ):
            yield key

    def count(self) -> int:
        with self._lock:
            return int(self._db.execute("SELECT count(*) FROM samples").fetchone()[0])

    def samples(self) -> Iterator[Sample]:
        """All samples by question, then draw."""
        order = "question_id, draw, key"
        rows = self._pages(
            f"SELECT {_SAMPLES} FROM samples WHERE ({order}) > (?, ?, ?) ORDER BY {order}",
            ("", -1, ""),
            READ_ROWS,
            after=lambda row: (row[1], row[5], row[0]),
        )
        for row in rows:
            yield self._checked(decode_sample, row)

    def by_question(self, question_id: str) -> list[Sample]:
        with self._lock:
            rows = self._db.execute(
                f"SELECT {_SAMPLES} FROM samples WHERE question_id = ? ORDER BY draw, key",
                (question_id,),
            ).fetchall()
        return [self._checked(decode_sample, row) for row in rows]

    def prompts(self) -> Iterator[Prompt]:
        rows = self._pages(
            f"SELECT {_PROMPTS} FROM prompts WHERE question_id > ? ORDER BY question_id",
            ("",),
            READ_ROWS,
        )
        for row in rows:
            yield self._checked(decode_prompt, row)

    def _pages(
        self,
        query: str,
        start: tuple[Any, ...],
        n_rows: int,
        after: Any = lambda row: (row[0],),
    ) -> Iterator[tuple[Any, ...]]:
        """Rows a page at a time, each page by its own statement: no lock is held in between."""
        while True:
            with self._lock:
                rows = self._db.execute(f"{query} LIMIT {n_rows}", start).fetchall()
            yield from rows
            if len(rows) < n_rows:
                return
            start = after(rows[-1])

    def _checked(self, decode: Any, row: tuple[Any, ...]) -> Any:
        try:
            return decode(row)
        except DamagedRowError as error:
            raise HfLoreError(
                f"{self.path}: {error} is damaged on disk; fix: run the sampling command again, "
                "which keeps the readable rows and draws the others anew"
            ) from error

    # ---- checking ----

    def first_damage(self) -> str | None:
        """None where every page and every row is sound; reads the whole file once, or twice."""
        try:
            with self._lock:
                report = self._db.execute("PRAGMA quick_check(1)").fetchone()[0]
                if report != "ok":
                    return str(report).replace("\n", " ")
                for query, decode in (
                    (f"SELECT {_SAMPLES} FROM samples", decode_sample),
                    (f"SELECT {_PROMPTS} FROM prompts", decode_prompt),
                ):
                    for row in self._db.execute(query):
                        decode(row)
        except (sqlite3.DatabaseError, DamagedRowError, UnicodeDecodeError) as error:
            return str(error)
        return None
