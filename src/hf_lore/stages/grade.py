"""Grading the samples of a run, shard by shard, as they are read; and reading verdicts back."""

import json
import sqlite3
import sys
from collections import Counter
from collections.abc import Iterable, Iterator
from itertools import islice
from typing import Self

from ..questions import AnswerType, Question
from ..run import Run
from ..sampling.sample import Sample
from ..sampling.store import SampleStore
from ..verification import GradeItem, Status, Verdict, grade_many
from ..verification.verdict_store import VerdictStore, grader_name, text_hash

__all__ = ["stored_verdicts", "verify"]

VERDICTS_A_COMMIT = 256
# Long traces are some 150 KB each.
SAMPLES_A_PAGE = 64


def verify(
    run: Run,
    *,
    shard: int | None = None,
    num_workers: int | None = None,
    timeout_s: float = 5.0,
    progress: bool | None = None,
) -> Counter[Status]:
    """Grade every sample that has no verdict yet; scores of other verdicts (laws.json) are removed.

    Args:
        shard: grade this shard alone, beside other processes.

    Returns:
        How many samples have each status, those graded earlier included.
    """
    show = sys.stderr.isatty() if progress is None else progress
    counts: Counter[Status] = Counter()
    with QuestionGolds(run.each_question()) as golds:
        for number in run.shards if shard is None else [shard]:
            with (
                SampleStore(
                    run.samples, run.manifest.fingerprint, read_only=True, shard=number
                ) as samples,
                VerdictStore(run.verdicts, grader_name(), shard=number) as verdicts,
            ):
                if verdicts.replaced:
                    sys.stderr.write(
                        f"{verdicts.replaced} verdicts by other rules are graded again\n"
                    )
                hashes: dict[str, int] = {}
                items = _ungraded(samples, golds, verdicts, hashes)
                graded = grade_many(
                    items, num_workers=num_workers, timeout_s=timeout_s, progress=show
                )
                for group in _groups(graded, VERDICTS_A_COMMIT):
                    if group:
                        # A report or a card would take it for the scores of these verdicts.
                        run.laws.unlink(missing_ok=True)
                    verdicts.add(group, hashes)
                    for verdict in group:
                        del hashes[verdict.sample_key or ""]
                counts += verdicts.counts()
    return counts


class QuestionGolds:
    """Right answers and their types by question, on disk but for a cache of some 2 MB: samples are
    graded in the order of the store, which is not that of the questions. A context manager."""

    def __init__(self, questions: Iterable[Question]) -> None:
        # SQLite's database without a name: a temporary file of its own, gone when it is closed.
        self._db = sqlite3.connect("")
        self._db.execute(
            "CREATE TABLE golds (question TEXT PRIMARY KEY, gold TEXT, types TEXT) WITHOUT ROWID"
        )
        rows = ((q.id, json.dumps(q.gold), json.dumps(q.answer_types)) for q in questions)
        with self._db:
            self._db.executemany("INSERT OR IGNORE INTO golds VALUES (?, ?, ?)", rows)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *error: object) -> None:
        self._db.close()

    def __getitem__(self, question_id: str) -> tuple[tuple[str, ...], tuple[AnswerType, ...]]:
        row = self._db.execute(
            "SELECT gold, types FROM golds WHERE question = ?", (question_id,)
        ).fetchone()
        if row is None:
            raise KeyError(question_id)
        return tuple(json.loads(row[0])), tuple(json.loads(row[1]))


def _ungraded(
    samples: Iterable[Sample],
    golds: QuestionGolds,
    verdicts: VerdictStore,
    hashes: dict[str, int],
) -> Iterator[GradeItem]:
    """Samples without a verdict on their very text, read as they are graded; `hashes` is told their
    texts' hashes. A sample drawn again after damage has its key but perhaps not its text."""
    source = iter(samples)
    while page := list(islice(source, SAMPLES_A_PAGE)):
        held = verdicts.text_hashes([drawn.key for drawn in page])
        for drawn in page:
            hashed = text_hash(drawn.text)
            if held.get(drawn.key) != hashed:
                hashes[drawn.key] = hashed
                yield _grade_item(drawn, *golds[drawn.question_id])


def _grade_item(
    drawn: Sample, gold: tuple[str, ...], answer_types: tuple[AnswerType, ...]
) -> GradeItem:
    return GradeItem(
        text=drawn.text,
        gold=gold,
        answer_types=answer_types,
        truncated=drawn.finish_reason == "length",
        sample_key=drawn.key,
        reasoning_tokens=drawn.reasoning_tokens,
    )


def _groups(verdicts: Iterator[Verdict], size: int) -> Iterator[list[Verdict]]:
    group: list[Verdict] = []
    for verdict in verdicts:
        group.append(verdict)
        if len(group) == size:
            yield group
            group = []
    yield group


def stored_verdicts(run: Run) -> Iterator[Verdict]:
    """Every verdict of a run. Raises ConfigError where there are none, or by other rules."""
    for shard in run.shards:
        with VerdictStore(run.verdicts, grader_name(), read_only=True, shard=shard) as store:
            yield from store
