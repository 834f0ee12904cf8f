"""A study's results as rows of a CSV file, one a model: all that tables and plots are made of."""

import csv
import math
from collections.abc import Iterable
from dataclasses import asdict, fields
from pathlib import Path

from ..errors import ConfigError
from .exam import Scores
from .run import Result
from .splits import Split

__all__ = ["read_rows", "write_rows"]

_KEYS = ("setting", "patient", "seed", "arm")
_SPLIT = tuple(f"split_{field.name}" for field in fields(Split))


def write_rows(path: Path, results: Iterable[Result]) -> None:
    """Write the file; numbers to six significant digits, nothing where one is undefined."""
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow([*_KEYS, *Scores.__dataclass_fields__, *_SPLIT])
        for result in results:
            split = asdict(result.split).values() if result.split else [None] * len(_SPLIT)
            numbers = [*asdict(result.scores).values(), *split]
            writer.writerow([*(getattr(result, key) for key in _KEYS), *map(_text, numbers)])


def read_rows(path: Path) -> list[Result]:
    """What `write_rows` wrote.

    Raises:
        ConfigError: other columns.
    """
    with path.open(encoding="utf-8", newline="") as file:
        reader = csv.DictReader(file)
        expected = [*_KEYS, *Scores.__dataclass_fields__, *_SPLIT]
        if reader.fieldnames != expected:
            raise ConfigError(f"{path} does not have the columns of a study; fix: write it anew")
        return [_result(row) for row in reader]


def _result(row: dict[str, str]) -> Result:
    scores = Scores(**{name: _number(row[name]) for name in Scores.__dataclass_fields__})
    split = None
    if row["split_composites"]:
        split = Split(
            composites=int(row["split_composites"]),
            tokens_parts=int(row["split_tokens_parts"]),
            tokens_composed=int(row["split_tokens_composed"]),
            mean_gap=float(row["split_mean_gap"]),
        )
    return Result(row["setting"], row["patient"], int(row["seed"]), row["arm"], scores, split)


def _text(value: float | None) -> str:
    if value is None or math.isnan(value):
        return ""
    return str(value) if isinstance(value, int) else f"{value:.6g}"


def _number(text: str) -> float:
    return float(text) if text else math.nan
