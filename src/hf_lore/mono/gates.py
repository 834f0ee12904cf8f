"""What a trajectory must not be: the gates that every instance passes before anyone sees it.

A trajectory is the answers at N = 1, 2, …, 30. Gates on prompts and on whole families, which need
more than the answers, are in `lint.py` and in `mono_checks.py`.
"""

from collections.abc import Sequence
from operator import sub
from typing import Any

from .shortcuts import (
    FITTED,
    MOST_PERIOD,
    WORKS_FROM,
    best_shortcut_of_columns,
    component_columns,
)

__all__ = ["LEAST_DISTINCT", "SATURATED", "least_period", "trajectory_defects"]

# Of 30 answers.
LEAST_DISTINCT = 20
# Steps at the end over which an answer that no longer changes has saturated.
SATURATED = 4


def trajectory_defects(answers: Sequence[Any], answer_type: str) -> list[str]:
    """What is wrong with a trajectory; empty where nothing is.

    Args:
        answers: at N = 1, 2, …, in order.
        answer_type: "int", "str" or "seq".
    """
    defects = []
    keys = [tuple(a) if answer_type == "seq" else a for a in answers]
    if len(set(keys)) < LEAST_DISTINCT * len(keys) // 30:
        defects.append(f"only {len(set(keys))} distinct answers of {len(keys)}")
    if len(set(keys[-SATURATED:])) == 1:
        defects.append(f"the last {SATURATED} answers are alike")
    if period := _period(list(answers)):
        defects.append(f"answers of period {period}")
    columns = component_columns(answers, answer_type)
    if period := _period(_differences(columns)):
        defects.append(f"differences of period {period}")
    if not defects:
        name, right = best_shortcut_of_columns(columns)
        if right >= WORKS_FROM:
            defects.append(f"{name} gets {right} of {len(answers) - FITTED} right")
    return defects


def least_period(answers: Sequence[Any], answer_type: str, differences: bool = False) -> int | None:
    """The least period up to `MOST_PERIOD` of answers, or of their differences, after the first
    third, which may be a run-in; None where there is none.

    Args:
        answers: at N = 1, 2, …, in order.
        answer_type: "int", "str" or "seq".
        differences: of each component, items that are no numbers being numbered.
    """
    if differences:
        return _period(_differences(component_columns(answers, answer_type)))
    return _period(list(answers))


def _differences(columns: Sequence[list[int]]) -> list[Any]:
    return list(zip(*(map(sub, column[1:], column) for column in columns)))


def _period(rows: list[Any]) -> int | None:
    tail = rows[len(rows) // 3 :]
    for period in range(1, min(MOST_PERIOD, len(tail) - 3) + 1):
        if tail[-1] == tail[-1 - period] and tail[period:] == tail[:-period]:
            return period
    return None
