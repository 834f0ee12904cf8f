"""The laws of reasoning as functions of arrays. Pure numpy, float64; no import of the package.

`deviation`, `accuracy`, `rank` and `floor` hold the plain statistics; see docs/laws.md for what
each score means and when not to trust it.
"""

from .accuracy import log_accuracy, pass_at_k
from .deviation import nmad, proportional_slope, signed_deviation
from .floor import noise_floor
from .rank import accuracy_spearman, compute_spearman, spearman
from .score import LawScore

__all__ = [
    "LawScore",
    "accuracy_spearman",
    "compute_spearman",
    "log_accuracy",
    "nmad",
    "noise_floor",
    "pass_at_k",
    "proportional_slope",
    "signed_deviation",
    "spearman",
]
