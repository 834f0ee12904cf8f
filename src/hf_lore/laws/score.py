"""`LawScore`: one measured number with its interval, its noise floor and what it left out.

Callbacks, cards and reports all read this object. Undefined is NaN and never comes without a
reason; JSON has no NaN, so it is written as null. Computes nothing.
"""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields

__all__ = ["LawScore"]

_FLOATS = ("value", "ci_low", "ci_high", "ci_level", "noise_floor")


@dataclass(frozen=True, slots=True)
class LawScore:
    """One law score.

    Args:
        name (`str`): what is scored, such as "nmad_compute".
        value (`float`): the score; NaN where it is undefined.
        unit (`str`): "1" for ratios and correlations, "tokens", "tokens/step", "1/step", …
        ci_low, ci_high (`float`): ends of the interval; NaN where it is undefined.
        ci_level (`float`): the interval's nominal level.
        n (`int`): triplets, or families, that the score rests on.
        k (`int`, *optional*): the most samples drawn of one question; None where samples play no
            part.
        noise_floor (`float`, *optional*): the value that sampling noise alone would give a model
            that obeys the law exactly, at this K. Shown beside `value`, never subtracted from it.
            None where a floor has no meaning, NaN where it cannot be estimated.
        truncated (`int`): draws that were cut by the budget before the reasoning closed.
        excluded (`int`): triplets, or families, left out because they could not be scored.
        reason (`str`, *optional*): why something is NaN, or what to beware of.

    Raises:
        ValueError: an infinite number, or a NaN without a reason.
    """

    name: str
    value: float
    unit: str = "1"
    ci_low: float = math.nan
    ci_high: float = math.nan
    ci_level: float = 0.95
    n: int = 0
    k: int | None = None
    noise_floor: float | None = None
    truncated: int = 0
    excluded: int = 0
    reason: str | None = None

    def __post_init__(self) -> None:
        for name in _FLOATS:
            number = getattr(self, name)
            if number is None and name == "noise_floor":
                continue
            # numpy scalars are turned into Python's, which every serialiser knows.
            object.__setattr__(self, name, float(number))
            if math.isinf(number):
                raise ValueError(f"LawScore {self.name!r}: {name} is infinite")
            if math.isnan(number) and not self.reason:
                raise ValueError(f"LawScore {self.name!r}: {name} is NaN without a reason")

    @property
    def defined(self) -> bool:
        """Whether `value` is a number."""
        return not math.isnan(self.value)

    def to_json(self) -> dict[str, object]:
        """A dictionary that `json.dumps` writes strictly: NaN becomes None, beside its reason."""
        return {
            name: None if isinstance(value, float) and math.isnan(value) else value
            for name, value in asdict(self).items()
            # A floor that has no meaning is left out, so that null always means undefined.
            if not (name == "noise_floor" and value is None)
        }

    @classmethod
    def from_json(cls, row: Mapping[str, object]) -> "LawScore":
        """The inverse of `to_json`.

        Raises:
            ValueError: unknown or missing fields.
        """
        known = {f.name for f in fields(cls)}
        if unknown := set(row) - known:
            raise ValueError(f"LawScore has no field {sorted(unknown)[0]!r}")
        if missing := {"name", "value"} - set(row):
            raise ValueError(f"LawScore needs the field {sorted(missing)[0]!r}")
        values = {
            name: math.nan if name in _FLOATS and value is None else value
            for name, value in row.items()
        }
        return cls(**values)  # type: ignore[arg-type]
