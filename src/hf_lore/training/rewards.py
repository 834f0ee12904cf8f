"""TRL reward functions: right answers, and lengths that compose.

Plain functions of the columns that `triplet_rows` writes, so they pickle and are named by dotted
path: `hf_lore.training.rewards.compositionality_reward`. Both lie in [0, 1], where None, which trl
counts as nothing, can never be worth more than a bad answer.

The compositionality reward alone is met by thinking nothing at all: use it beside `answer_reward`.
"""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

from ..errors import ConfigError
from ..verification import GradeItem, grade_many

__all__ = ["answer_reward", "compositionality_reward"]


def answer_reward(
    completions: Sequence[Any],
    completion_ids: Sequence[Sequence[int]],
    gold: Sequence[Sequence[str]] | None = None,
    answer_types: Sequence[Sequence[Any]] | None = None,
    close_id: Sequence[int] | None = None,
    **_: Any,
) -> list[float | None]:
    """1 for a right answer (every part of a composite), 0 for any other.

    Args:
        completions: texts, or conversations whose last turn is the answer.
        completion_ids: the tokens of each.
        gold, answer_types, close_id: columns of `triplet_rows`.

    Returns:
        One reward a completion; None where the gold cannot be read or the comparison was cut
        short, so that no answer is punished for it. A trace that never closed is wrong.
    """
    if gold is None:
        raise _missing("gold")
    if close_id is None:
        raise _missing("close_id")
    items = [
        GradeItem(
            text=_text(completion),
            gold=tuple(golds),
            answer_types=None if answer_types is None else tuple(answer_types[i]),
            truncated=close_id[i] not in completion_ids[i],
        )
        for i, (completion, golds) in enumerate(zip(completions, gold, strict=True))
    ]
    return [
        None if v.status in ("gold_unparsed", "timed_out") else float(v.status == "correct")
        for v in grade_many(items)
    ]


def compositionality_reward(
    completion_ids: Sequence[Sequence[int]],
    composite_id: Sequence[str] | None = None,
    role: Sequence[str] | None = None,
    close_id: Sequence[int] | None = None,
    open_id: Sequence[int] | None = None,
    log_metric: Callable[[str, float], None] | None = None,
    **_: Any,
) -> list[float | None]:
    """1 less the relative gap between a composite's thought and its parts' together.

    With L the mean reasoning tokens of a role over its completions here and S the sum of the
    parts' L: a completion of the composed question with ℓ tokens gets 1 − |ℓ − S| / S, one of part
    j gets 1 − |L_composed − (S − L_j + ℓ)| / S, both at least 0. Each completion is thus judged by
    its own length against the others' means.

    Args:
        completion_ids: the tokens of each completion, of whole triplets.
        composite_id, role, close_id, open_id: columns of `triplet_rows`.
        log_metric: trl's; is given the batch's mean relative gap as `lore_relative_gap`.

    Returns:
        One reward a completion: 0 for a trace that never closed; None for a whole composite of
        which some role has no closed trace here, or whose parts were answered without thought.

    Raises:
        ConfigError: a column of `triplet_rows` is missing, or a triplet came without all its
            roles, which the batch size must keep together.
    """
    for name, column in (("composite_id", composite_id), ("role", role), ("close_id", close_id)):
        if column is None:
            raise _missing(name)
    assert composite_id is not None
    assert role is not None
    assert close_id is not None
    lengths = [
        _reasoning_tokens(ids, close_id[i], open_id[i] if open_id is not None else None)
        for i, ids in enumerate(completion_ids)
    ]
    rewards: list[float | None] = [None] * len(lengths)
    members: dict[str, list[int]] = defaultdict(list)
    for i, name in enumerate(composite_id):
        members[name].append(i)
    gaps = []
    for name, rows in members.items():
        means = _means(name, [(role[i], lengths[i]) for i in rows])
        if means is None:
            continue
        parts = sum(mean for r, mean in means.items() if r != "composed")
        if parts <= 0:
            continue
        composed = means["composed"]
        gaps.append(abs(composed - parts) / parts)
        for i in rows:
            length = lengths[i]
            if length is None:
                rewards[i] = 0.0
            elif role[i] == "composed":
                rewards[i] = max(0.0, 1 - abs(length - parts) / parts)
            else:
                others = parts - means[role[i]]
                rewards[i] = max(0.0, 1 - abs(composed - others - length) / parts)
    if log_metric is not None and gaps:
        log_metric("lore_relative_gap", sum(gaps) / len(gaps))
    return rewards


def _means(name: str, drawn: Sequence[tuple[str, int | None]]) -> dict[str, float] | None:
    """Mean closed length of each role; None where a role has no closed trace."""
    closed: dict[str, list[int]] = {role: [] for role, _ in drawn}
    if "composed" not in closed or len(closed) < 3:
        raise ConfigError(
            f"composite {name} came with the roles {sorted(closed)} only; fix: keep triplets "
            "together with triplet_rows, shuffle_dataset: false and check_triplet_batches"
        )
    for role, length in drawn:
        if length is not None:
            closed[role].append(length)
    if not all(closed.values()):
        return None
    return {role: sum(values) / len(values) for role, values in closed.items()}


def _reasoning_tokens(ids: Sequence[int], close_id: int, open_id: int | None) -> int | None:
    """Tokens before the first closing tag, an emitted opening tag not counted."""
    trace = list(ids)
    if close_id not in trace:
        return None
    end = trace.index(close_id)
    return end - (trace.index(open_id) + 1 if open_id in trace[:end] else 0)


def _text(completion: Any) -> str:
    return completion if isinstance(completion, str) else str(completion[-1]["content"])


def _missing(column: str) -> ConfigError:
    return ConfigError(
        f"the reward needs the column {column}; fix: train on rows made by "
        "hf_lore.training.triplets.triplet_rows"
    )
