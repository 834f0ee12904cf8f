"""`grade` for one text, `grade_many` for millions, and the gate that every gold must pass.

Cheap rules decide in the calling process; only what needs algebra goes to the workers of `pool.py`.
Deadlines are wall-clock seconds of one comparison, from its start.
"""

import itertools
from collections import OrderedDict, deque
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass

from ..questions import AnswerType, Question
from .compare import compare_math, same_leaf
from .composites import composite_answers
from .exact import int_value, seq_items, str_value
from .extract import final_document, single_answer
from .latex import is_balanced
from .pool import Ask, Outcome, WorkerPool, shared_pool
from .screen import refusal
from .verdict import GradeItem, Verdict

__all__ = ["check_golds", "gold_parses", "grade", "grade_many"]

DEFAULT_TIMEOUT_S = 5.0
# Answers longer than this are cut in the verdict; they are compared whole.
SHOWN_CHARACTERS = 500
CHUNK_ITEMS = 64
AHEAD_CHUNKS = 4
CACHED_PAIRS = 100_000


@dataclass(slots=True)
class _Open:
    """One item between the rules and the algebra: what is known of each part."""

    item: GradeItem
    answers: tuple[str, ...]
    outcomes: list[Outcome | None]


def _part(gold: str, answer: str, kind: AnswerType) -> Outcome | None:
    """What the rules say of one part; None where only algebra can tell."""
    if kind == "int":
        wanted = int_value(gold)
        if wanted is None:
            return "gold_unparsed"
        return "equal" if int_value(answer) == wanted else "unequal"
    if kind == "str":
        return "equal" if str_value(gold) == str_value(answer) else "unequal"
    if kind == "seq":
        return "equal" if seq_items(gold) == seq_items(answer) else "unequal"
    if not is_balanced(gold):
        return "gold_unparsed"
    if len(answer) > 20_000:
        return "unequal"
    known = compare_math(gold, answer)
    if known is not None:
        return "equal" if known else "unequal"
    if refusal(answer) is not None:
        return "unequal"
    return None


def _open(item: GradeItem) -> Verdict | _Open:
    """The verdict, where the rules suffice; else the item with what is known."""
    if item.truncated:
        return _verdict(item, "truncated")
    golds, types = item.golds, item.types
    document = final_document(item.text)
    if len(golds) == 1:
        one = single_answer(document)
        answers: tuple[str, ...] | None = None if one is None else (one,)
    else:
        answers = composite_answers(document, golds, types)
    if answers is None:
        return _verdict(item, "no_answer")
    opened = _Open(
        item, answers, [_part(g, a, t) for g, a, t in zip(golds, answers, types, strict=True)]
    )
    # A part already wrong settles the whole, but the verdict names every right part.
    return opened if None in opened.outcomes else _close(opened)


def _verdict(item: GradeItem, status: str, opened: _Open | None = None) -> Verdict:
    answers = () if opened is None else tuple(a[:SHOWN_CHARACTERS] for a in opened.answers)
    parts = () if opened is None else tuple(o == "equal" for o in opened.outcomes)
    return Verdict(status, answers, parts, item.sample_key, item.reasoning_tokens)  # type: ignore[arg-type]


def _close(opened: _Open) -> Verdict:
    outcomes = opened.outcomes
    if "gold_unparsed" in outcomes:
        return _verdict(opened.item, "gold_unparsed", opened)
    if "unequal" in outcomes:
        return _verdict(opened.item, "wrong", opened)
    status = "timed_out" if "timed_out" in outcomes else "correct"
    return _verdict(opened.item, status, opened)


def _asks(opened: _Open) -> list[Ask]:
    return [
        ("check", gold, answer)
        for gold, answer, known in zip(
            opened.item.golds, opened.answers, opened.outcomes, strict=True
        )
        if known is None
    ]


def _fill(opened: _Open, results: Iterator[Outcome]) -> Verdict:
    opened.outcomes = [next(results) if known is None else known for known in opened.outcomes]
    return _close(opened)


def grade(
    text: str,
    gold: str | Sequence[str],
    answer_types: Sequence[AnswerType] | None = None,
    *,
    truncated: bool = False,
    timeout_s: float = DEFAULT_TIMEOUT_S,
) -> Verdict:
    """Grades one text against its gold answer(s), in order.

    Works from any thread and inside a running event loop (which it blocks), and installs no signal
    handler. Algebra runs in a process-wide pool of workers, started at the first need.

    Args:
        text (`str`): what the model wrote; with a `</think>` only what follows the last one counts.
        gold (`str` or sequence of `str`): right answers in order, one a part.
        answer_types (sequence of `str`, *optional*): "math", "int", "str" or "seq" each; default
            all "math".
        truncated (`bool`, defaults to `False`): the text was cut by a token limit.
        timeout_s (`float`, defaults to 5.0): seconds for the comparison of one part.

    Returns:
        A [`Verdict`].

    Raises:
        ConfigError: no gold, or not one known answer type a gold.
    """
    opened = _open(GradeItem(text, gold, answer_types, truncated))
    if isinstance(opened, Verdict):
        return opened
    return _fill(opened, iter(shared_pool().run(_asks(opened), timeout_s)))


def grade_many(
    items: Iterable[GradeItem],
    *,
    num_workers: int | None = None,
    timeout_s: float = DEFAULT_TIMEOUT_S,
    progress: bool = False,
    pool: WorkerPool | None = None,
) -> Iterator[Verdict]:
    """Grades items in order, lazily, on several cores.

    Args:
        items: read as they are needed, some thousands ahead at most.
        num_workers (`int`, *optional*): worker processes of this call's own; default the shared
            pool, one a usable core.
        timeout_s (`float`, defaults to 5.0): seconds for the comparison of one part.
        progress (`bool`, defaults to `False`): show a bar on standard error.
        pool ([`WorkerPool`], *optional*): the workers to use, left running; then `num_workers` is
            not looked at.

    Yields:
        One [`Verdict`] an item, in the items' order, whatever the order of the work.
    """
    own = WorkerPool(num_workers) if pool is None and num_workers is not None else None
    pool = pool or own or shared_pool()
    bar = None
    if progress:
        from tqdm import tqdm

        bar = tqdm(unit=" answers", desc="verify")
    known: OrderedDict[Ask, Outcome] = OrderedDict()
    waiting: deque[tuple[list[Verdict | _Open], list[Ask], Future[list[Outcome]]]] = deque()
    threads = ThreadPoolExecutor(pool.num_workers, thread_name_prefix="hf-lore-verify")
    source = iter(items)

    def finish() -> Iterator[Verdict]:
        opened, asks, future = waiting.popleft()
        known.update(zip(asks, future.result(), strict=True))
        verdicts = [
            one if isinstance(one, Verdict) else _fill(one, iter([known[a] for a in _asks(one)]))
            for one in opened
        ]
        while len(known) > CACHED_PAIRS and not waiting:
            known.popitem(last=False)
        for verdict in verdicts:
            if bar is not None:
                bar.update()
            yield verdict

    try:
        while chunk := list(itertools.islice(source, CHUNK_ITEMS)):
            opened = [_open(item) for item in chunk]
            wanted = dict.fromkeys(a for o in opened if isinstance(o, _Open) for a in _asks(o))
            asks = [a for a in wanted if a not in known]
            waiting.append((opened, asks, threads.submit(pool.run, asks, timeout_s)))
            if len(known) > CACHED_PAIRS:
                # What waits may count on what is known: let it finish before anything is forgotten.
                while waiting:
                    yield from finish()
            while len(waiting) > AHEAD_CHUNKS * pool.num_workers or (
                waiting and waiting[0][2].done()
            ):
                yield from finish()
        while waiting:
            yield from finish()
    finally:
        threads.shutdown(wait=False, cancel_futures=True)
        if own is not None:
            own.close()
        if bar is not None:
            bar.close()


def gold_parses(gold: str, answer_type: AnswerType = "math") -> bool:
    r"""Whether a gold can be read and verifies against itself, as `\boxed{gold}`."""
    return _golds_parse([(gold, answer_type)])[0]


def check_golds(questions: Iterable[Question]) -> list[tuple[Question, str]]:
    """The gate of a build: every gold that does not verify against itself, with its question."""
    held = [
        (question, gold, kind)
        for question in questions
        for gold, kind in zip(question.gold, question.answer_types, strict=True)
    ]
    distinct = list(dict.fromkeys((gold, kind) for _, gold, kind in held))
    parses = dict(zip(distinct, _golds_parse(distinct), strict=True))
    return [(question, gold) for question, gold, kind in held if not parses[gold, kind]]


def _golds_parse(golds: Sequence[tuple[str, AnswerType]]) -> list[bool]:
    boxed = [GradeItem(f"\\boxed{{{gold}}}", gold, [kind]) for gold, kind in golds]
    verified = [v.status == "correct" and refusal(v.answers[0]) is None for v in grade_many(boxed)]
    # Spelt as itself a gold is correct even where algebra could not read it: ask, but for numbers.
    asks: list[Ask] = [
        ("readable", gold, "")
        for (gold, kind), right in zip(golds, verified, strict=True)
        if right and kind == "math" and same_leaf(gold, "0") is None
    ]
    chunks = [asks[i : i + CHUNK_ITEMS] for i in range(0, len(asks), CHUNK_ITEMS)]
    pool = shared_pool()
    with ThreadPoolExecutor(pool.num_workers) as threads:
        outcomes = threads.map(lambda chunk: pool.run(chunk, DEFAULT_TIMEOUT_S), chunks)
        read = dict(zip(asks, itertools.chain.from_iterable(outcomes), strict=True))
    return [
        right and (kind != "math" or read.get(("readable", gold, ""), "equal") == "equal")
        for (gold, kind), right in zip(golds, verified, strict=True)
    ]
