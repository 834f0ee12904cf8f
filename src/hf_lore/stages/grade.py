"""Grading the samples of a run, shard by shard, as they are read; and reading verdicts back."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping

from ..questions import Question
from ..run import Run
from ..sampling.sample import Sample
from ..sampling.store import SampleStore
from ..verification import GradeItem, Status, Verdict, grade_many
from ..verification.verdict_store import VerdictStore, grader_name, text_hash

__all__ = ["stored_verdicts", "verify"]

VERDICTS_A_COMMIT = 256


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
    questions = {q.id: q for q in run.questions()}
    show = sys.stderr.isatty() if progress is None else progress
    counts: Counter[Status] = Counter()
    for number in run.shards if shard is None else [shard]:
        with (
            SampleStore(
                run.samples, run.manifest.fingerprint, read_only=True, shard=number
            ) as samples,
            VerdictStore(run.verdicts, grader_name(), shard=number) as verdicts,
        ):
            if verdicts.replaced:
                sys.stderr.write(f"{verdicts.replaced} verdicts by other rules are graded again\n")
            held = verdicts.text_hashes()
            hashes: dict[str, int] = {}
            items = _ungraded(samples, questions, held, hashes)
            graded = grade_many(items, num_workers=num_workers, timeout_s=timeout_s, progress=show)
            for group in _groups(graded, VERDICTS_A_COMMIT):
                if group:
                    # A report or a card would take it for the scores of these verdicts.
                    run.laws.unlink(missing_ok=True)
                verdicts.add(group, hashes)
                for verdict in group:
                    del hashes[verdict.sample_key or ""]
            counts.update(v.status for v in verdicts)
    return counts


def _ungraded(
    samples: Iterable[Sample],
    questions: Mapping[str, Question],
    held: Mapping[str, int],
    hashes: dict[str, int],
) -> Iterator[GradeItem]:
    """Samples without a verdict on their very text, read as they are graded; `hashes` is told their
    texts' hashes. A sample drawn again after damage has its key but perhaps not its text."""
    for drawn in samples:
        hashed = text_hash(drawn.text)
        if held.get(drawn.key) != hashed:
            hashes[drawn.key] = hashed
            yield _grade_item(drawn, questions[drawn.question_id])


def _grade_item(drawn: Sample, question: Question) -> GradeItem:
    return GradeItem(
        text=drawn.text,
        gold=question.gold,
        answer_types=question.answer_types,
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
