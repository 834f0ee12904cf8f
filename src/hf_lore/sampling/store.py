"""`SampleStore`: every draw of a run, durable, unique, resumable after any kill.

A directory: `store.json` (format, fingerprint, number of shards), and for each shard an SQLite
file and a lock file. A question's samples all lie in one shard, chosen by the hash of its id.
Samples are committed in groups, at the latest 0.5 s after they came in (`COMMIT_EVERY_S`): a kill
loses what was in flight and at most that half second. One process writes a shard at a time; readers
may read meanwhile. Publishing is not done here: what is published is Parquet.
"""

import contextlib
import fcntl
import hashlib
import heapq
import json
import logging
import os
import sqlite3
import threading
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from types import TracebackType
from typing import Any, Self, cast

from ..errors import ConfigError, HfLoreError, RunMismatchError
from .recovery import Recovery, open_sound_shard
from .rows import PROMPT_COLUMNS, decode_prompt
from .sample import Prompt, Sample
from .shard import Shard

__all__ = ["COMMIT_EVERY_S", "SampleStore", "shard_of"]

logger = logging.getLogger(__name__)

COMMIT_EVERY_S = 0.5
FORMAT = 1
# From a question's prompt on, as `Shard.prompts` pages through them.
_PROMPT = (
    f"SELECT {', '.join(PROMPT_COLUMNS)} FROM prompts WHERE question_id >= ? ORDER BY question_id"
)


def shard_of(question_id: str, num_shards: int) -> int:
    """Which shard holds a question: by hash, so that it depends on nothing else."""
    digest = hashlib.sha256(question_id.encode()).digest()
    return int.from_bytes(digest[:8], "big") % num_shards


class SampleStore:
    """A run's samples on disk; a context manager.

    Args:
        path (`str` or `Path`): the directory, made where absent.
        fingerprint (`str` or mapping, *optional*): the settings of the run. A store made by others
            is refused, and for a mapping the settings that differ are named. None skips the
            comparison, for readers only.
        read_only (`bool`, defaults to False): take no lock and refuse writes. Rows are checked as
            they are read.
        num_shards (`int`, *optional*): fixed when the store is made; 1 by default.
        shard (`int`, *optional*): open this one shard only, so that several processes can write
            into one store.

    Raises:
        RunMismatchError: the store belongs to other settings.
        ConfigError: nothing to read at `path`, or another process is writing there.
        HfLoreError: the disk refuses.

    Opening for writing reads every page and row (0.8 s for 40,000 samples of 64 tokens). What
    is damaged is named in a warning and in `recoveries`, the readable rows are kept, and the
    damaged file stays beside as `.damaged`.
    """

    def __init__(
        self,
        path: str | Path,
        fingerprint: str | Mapping[str, Any] | None = None,
        *,
        read_only: bool = False,
        num_shards: int | None = None,
        shard: int | None = None,
    ) -> None:
        self.path = Path(path)
        self.read_only = read_only
        self.recoveries: tuple[Recovery, ...] = ()
        self._shards: dict[int, Shard] = {}
        self._locks: list[int] = []
        self._closing = threading.Event()
        self._committer: threading.Thread | None = None
        self._commit_error: HfLoreError | None = None
        if fingerprint is None and not read_only:
            raise ConfigError(f"no fingerprint for the store {self.path}; fix: pass the run's")
        self.num_shards = self._settle_header(fingerprint, num_shards)
        if shard is not None and not 0 <= shard < self.num_shards:
            raise ConfigError(
                f"shard {shard} of a store of {self.num_shards}; fix: 0 to {self.num_shards - 1}"
            )
        try:
            self._open_shards(range(self.num_shards) if shard is None else [shard])
        except BaseException:
            self._release()
            raise

    # ---- opening and closing ----

    def _settle_header(self, fingerprint: object, num_shards: int | None) -> int:
        file = self.path / "store.json"
        fingerprint = json.loads(json.dumps(fingerprint))
        if not file.exists():
            if self.read_only:
                raise ConfigError(f"there are no samples at {self.path}; fix: run `hf-lore sample`")
            if num_shards is not None and num_shards < 1:
                raise ConfigError(f"num_shards is {num_shards}; fix: at least 1")
            self._make_header(file, fingerprint, num_shards or 1)
        try:
            header = json.loads(file.read_text("utf-8"))
            held, held_shards, held_format = (
                header["fingerprint"],
                int(header["num_shards"]),
                header["format"],
            )
        except (ValueError, KeyError, TypeError) as error:
            raise ConfigError(
                f"{file} is not a store's header ({error}); fix: restore it, or use a fresh run "
                "directory"
            ) from error
        if held_format != FORMAT:
            raise RunMismatchError(
                f"{self.path} has store format {held_format}, this version reads {FORMAT}; fix: "
                "use the hf-lore that wrote it, or a fresh run directory"
            )
        if fingerprint is not None and held != fingerprint:
            raise RunMismatchError(
                f"the samples at {self.path} were drawn with other settings "
                f"({_differences(held, fingerprint)}); fix: repeat those settings, or use a fresh "
                "run directory"
            )
        if num_shards is not None and num_shards != held_shards:
            raise RunMismatchError(
                f"the store at {self.path} has {held_shards} shards, not {num_shards}: the number "
                f"is fixed when it is made; fix: num_shards={held_shards}, or a fresh run directory"
            )
        return held_shards

    def _make_header(self, file: Path, fingerprint: object, num_shards: int) -> None:
        """Written whole or not at all; of several processes that start at once, one wins."""
        try:
            self.path.mkdir(parents=True, exist_ok=True)
            draft = file.with_name(f"store.json.{os.getpid()}")
            with draft.open("w", encoding="utf-8") as out:
                json.dump(
                    {"format": FORMAT, "fingerprint": fingerprint, "num_shards": num_shards},
                    out,
                    indent=1,
                )
                out.flush()
                os.fsync(out.fileno())
            with contextlib.suppress(FileExistsError):
                os.link(draft, file)
            draft.unlink()
        except OSError as error:
            raise ConfigError(
                f"cannot make a store at {self.path}: {error.strerror}; fix: choose a writable "
                "directory with free space"
            ) from error

    def _open_shards(self, numbers: Iterable[int]) -> None:
        recoveries = []
        for number in numbers:
            file = self.path / f"shard-{number:05d}.sqlite"
            try:
                if not self.read_only:
                    self._locks.append(_lock(file.with_suffix(".lock")))
                    self._shards[number], recovery = open_sound_shard(file)
                    if recovery is not None:
                        recoveries.append(recovery)
                elif file.exists():
                    self._shards[number] = Shard(file, read_only=True)
            except (sqlite3.Error, OSError) as error:
                raise HfLoreError(
                    f"cannot open {file}: {error}; fix: check permissions and free space"
                ) from error
        self.recoveries = tuple(recoveries)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        try:
            self.close()
        except HfLoreError:
            if error is None:
                raise
            # The first error is the one to show; this one is most likely its echo.
            logger.warning("closing %s failed too", self.path, exc_info=True)

    def close(self) -> None:
        """Commit, then give the locks back. A second call does nothing."""
        self._closing.set()
        if self._committer is not None:
            self._committer.join()
            self._committer = None
        try:
            if not self.read_only:
                self.commit()
        finally:
            self._release()

    def _release(self) -> None:
        for shard in self._shards.values():
            shard.close()
        self._shards = {}
        for lock in self._locks:
            os.close(lock)
        self._locks = []

    # ---- writing ----

    def add(self, samples: Iterable[Sample], *, commit: bool = False) -> int:
        """Store samples; one already held, equal in every field, is passed over.

        Args:
            samples: of questions whose shard is open.
            commit (`bool`, defaults to False): commit before returning, instead of within 0.5 s.

        Returns:
            How many were new.

        Raises:
            RunMismatchError: a key is held with other content.
            HfLoreError: the disk refuses; everything committed is safe.
        """
        self._check_writable()
        groups: dict[int, list[Sample]] = {}
        if self.num_shards == 1:
            groups[0] = list(samples)
        else:
            for sample in samples:
                groups.setdefault(shard_of(sample.question_id, self.num_shards), []).append(sample)
        new = sum(self._shard(number).add(group) for number, group in groups.items())
        if commit:
            self.commit()
        elif self._committer is None:
            self._committer = threading.Thread(
                target=self._commit_regularly, name="hf-lore-commit", daemon=True
            )
            self._committer.start()
        return new

    def put_prompts(self, prompts: Iterable[Prompt]) -> None:
        """Store what the model is fed for each question, and commit. Idempotent like `add`."""
        self._check_writable()
        groups: dict[int, list[Prompt]] = {}
        for prompt in prompts:
            groups.setdefault(shard_of(prompt.question_id, self.num_shards), []).append(prompt)
        for number, group in groups.items():
            self._shard(number).put_prompts(group)
        self.commit()

    def commit(self) -> None:
        """Make everything added so far durable."""
        for shard in self._shards.values():
            shard.commit()

    def _commit_regularly(self) -> None:
        # A little early, since the commit itself takes its time.
        while not self._closing.wait(0.8 * COMMIT_EVERY_S):
            try:
                self.commit()
            except HfLoreError as error:
                self._commit_error = error
                return

    def _check_writable(self) -> None:
        if self._commit_error is not None:
            raise self._commit_error
        if self.read_only:
            raise ConfigError(f"the store {self.path} was opened to read; fix: open it to write")
        if self._closing.is_set():
            raise ConfigError(f"the store {self.path} is closed; fix: open it again")

    def _shard(self, number: int) -> Shard:
        if number not in self._shards:
            raise ConfigError(
                f"a question of shard {number} went to a store opened for shard "
                f"{', '.join(map(str, self._shards))}; fix: give each process its own questions"
            )
        return self._shards[number]

    # ---- reading ----

    def keys(self) -> set[str]:
        """Keys of all samples held, uncommitted ones included."""
        held: set[str] = set()
        for shard in self._shards.values():
            held.update(shard.keys())
        return held

    def __len__(self) -> int:
        return sum(shard.count() for shard in self._shards.values())

    def __iter__(self) -> Iterator[Sample]:
        """All samples by question id, then draw; one page of rows in memory at a time."""
        shards = [shard.samples() for shard in self._shards.values()]
        return heapq.merge(*shards, key=lambda s: (s.question_id, s.draw, s.key))

    def by_question(self, question_id: str) -> list[Sample]:
        """One question's samples by draw; empty where there are none."""
        shard = self._shards.get(shard_of(question_id, self.num_shards))
        return shard.by_question(question_id) if shard else []

    def prompt(self, question_id: str) -> Prompt:
        """What the model is fed for one question.

        Raises:
            KeyError: the store holds no prompt of it.
        """
        shard = self._shards.get(shard_of(question_id, self.num_shards))
        row = None if shard is None else next(shard._pages(_PROMPT, (question_id,), 1), None)
        if shard is None or row is None or row[0] != question_id:
            raise KeyError(question_id)
        return cast("Prompt", shard._checked(decode_prompt, row))

    def prompts(self) -> Iterator[Prompt]:
        """All prompts by question id."""
        shards = [shard.prompts() for shard in self._shards.values()]
        return heapq.merge(*shards, key=lambda p: p.question_id)


def _lock(file: Path) -> int:
    """Hold `file` exclusively until the descriptor is closed or its last holder dies."""
    descriptor = os.open(file, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        holder = os.read(descriptor, 32).decode("ascii", "replace").strip() or "unknown"
        os.close(descriptor)
        raise ConfigError(
            f"process {holder} is writing to {file.with_suffix('.sqlite')}; fix: wait for it, or "
            f"stop it with `kill {holder}`"
        ) from None
    os.ftruncate(descriptor, 0)
    os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
    return descriptor


def _differences(held: object, asked: object) -> str:
    if not (isinstance(held, dict) and isinstance(asked, dict)):
        return f"{held!r}, not {asked!r}"
    missing = "nothing"
    return "; ".join(
        f"{name} was {held.get(name, missing)!r}, now {asked.get(name, missing)!r}"
        for name in sorted(held.keys() | asked.keys())
        if held.get(name, missing) != asked.get(name, missing)
    )
