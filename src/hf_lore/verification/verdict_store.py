"""Verdicts kept with a run: one a sample, so that verifying again grades only what is new.

They are cheap next to samples, so a store made by another grader is emptied and made again rather
than mixed. Not for samples: see sampling/store.py.
"""

import hashlib
import json
import sqlite3
import zlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from types import TracebackType
from typing import Self

from ..errors import ConfigError
from .verdict import Status, Verdict

__all__ = ["VerdictStore", "grader_name", "text_hash"]

_SCHEMA = """
CREATE TABLE IF NOT EXISTS meta (name TEXT PRIMARY KEY, value TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS verdicts (
    sample_key TEXT PRIMARY KEY,
    status TEXT NOT NULL,
    answers TEXT NOT NULL,
    parts TEXT NOT NULL,
    reasoning_tokens INTEGER,
    text_hash INTEGER NOT NULL
) WITHOUT ROWID;
"""


def grader_name() -> str:
    """Names what grades: the rules by a hash of their own source, and math-verify's version.

    A changed rule is then another grader without anybody having to remember a number.
    """
    rules = hashlib.sha256()
    for file in sorted(Path(__file__).parent.glob("*.py")):
        rules.update(file.read_bytes())
    return f"rules {rules.hexdigest()[:16]}, math-verify {version('math-verify')}"


def text_hash(text: str) -> int:
    """CRC-32 of a text: whether a verdict was given on this very text."""
    return zlib.crc32(text.encode("utf-8", "surrogatepass"))


class VerdictStore:
    """A SQLite file of verdicts; use it as a context manager.

    Args:
        folder (`Path`): the run's verdicts/, made where missing.
        grader (`str`): names the rules and library versions that grade. Verdicts by another
            grader, or of an older version's columns, are dropped at opening; `replaced` says how
            many.
        read_only (`bool`, defaults to False): change nothing.
        shard (`int`, *optional*): of a run in several shards, whose verdicts have a file each, so
            that processes can grade side by side.

    Raises:
        ConfigError: nothing to read, verdicts by other rules (read_only), or a damaged file.
    """

    def __init__(
        self, folder: Path, grader: str, *, read_only: bool = False, shard: int | None = None
    ) -> None:
        file = folder / ("verdicts.sqlite" if shard is None else f"shard-{shard:05d}.sqlite")
        self.replaced = 0
        try:
            if read_only:
                self._open_to_read(file, grader)
            else:
                self._open_to_write(file, grader)
        except sqlite3.OperationalError as error:
            raise ConfigError(
                f"{file} cannot be opened ({error}); fix: check its permissions, the free space, "
                "and that no other process grades this run"
            ) from None
        except sqlite3.DatabaseError as error:
            raise ConfigError(
                f"{file} cannot be used ({error}); fix: delete it and run `hf-lore verify` again, "
                "which costs no sample"
            ) from None

    def _open_to_read(self, file: Path, grader: str) -> None:
        if not file.is_file():
            raise ConfigError(f"{file.parent} has no verdicts; fix: run `hf-lore verify` first")
        self._db = sqlite3.connect(f"{file.absolute().as_uri()}?mode=ro", uri=True)
        row = self._db.execute("SELECT value FROM meta WHERE name = 'grader'").fetchone()
        if row is None or row[0] != grader:
            self._db.close()
            raise ConfigError(
                f"the verdicts in {file.parent} were given by other rules; fix: run "
                "`hf-lore verify` again, which costs no sample"
            )

    def _open_to_write(self, file: Path, grader: str) -> None:
        file.parent.mkdir(parents=True, exist_ok=True)
        self._db = sqlite3.connect(file)
        self._drop_older_columns()
        self._db.executescript(_SCHEMA)
        with self._db:
            row = self._db.execute("SELECT value FROM meta WHERE name = 'grader'").fetchone()
            if row is not None and row[0] != grader:
                self.replaced += self._db.execute("DELETE FROM verdicts").rowcount
            self._db.execute("INSERT OR REPLACE INTO meta VALUES ('grader', ?)", (grader,))

    def _drop_older_columns(self) -> None:
        """Without hashes of texts nobody can say which texts an older version graded."""
        columns = {row[1] for row in self._db.execute("PRAGMA table_info(verdicts)")}
        if columns and "text_hash" not in columns:
            self.replaced = len(self)
            self._db.execute("DROP TABLE verdicts")

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        value: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._db.close()

    def text_hashes(self, keys: Sequence[str] | None = None) -> dict[str, int]:
        """Sample key → hash of the text that was graded; of these samples, or of all."""
        query = "SELECT sample_key, text_hash FROM verdicts"
        return dict(self._of(query, keys) if keys is not None else self._db.execute(query))

    def counts(self) -> Counter[Status]:
        """How many verdicts have each status."""
        query = "SELECT status, count(*) FROM verdicts GROUP BY status"
        return Counter(dict(self._db.execute(query)))

    def __len__(self) -> int:
        return int(self._db.execute("SELECT count(*) FROM verdicts").fetchone()[0])

    def statuses(self, keys: Sequence[str]) -> dict[str, Status]:
        """Sample key → status of these samples; those without a verdict are left out."""
        return dict(self._of("SELECT sample_key, status FROM verdicts", keys))

    def _of(self, query: str, keys: Sequence[str]) -> sqlite3.Cursor:
        marks = ", ".join("?" * len(keys))
        return self._db.execute(f"{query} WHERE sample_key IN ({marks})", keys)

    def add(self, verdicts: Iterable[Verdict], text_hashes: Mapping[str, int]) -> None:
        """Store verdicts in one transaction; each needs its `sample_key`."""
        rows = [
            (
                v.sample_key,
                v.status,
                json.dumps(v.answers),
                json.dumps(v.parts),
                v.reasoning_tokens,
                text_hashes[v.sample_key or ""],
            )
            for v in verdicts
        ]
        with self._db:
            self._db.executemany("INSERT OR REPLACE INTO verdicts VALUES (?, ?, ?, ?, ?, ?)", rows)

    def __iter__(self) -> Iterator[Verdict]:
        rows = self._db.execute(
            "SELECT sample_key, status, answers, parts, reasoning_tokens FROM verdicts"
        )
        for key, status, answers, parts, tokens in rows:
            yield Verdict(
                status=status,
                answers=tuple(json.loads(answers)),
                parts=tuple(json.loads(parts)),
                sample_key=key,
                reasoning_tokens=tokens,
            )
