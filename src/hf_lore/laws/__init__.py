"""The laws of reasoning as functions of arrays. Pure numpy, float64; no import of the package.

`deviation`, `accuracy`, `rank` and `floor` hold the plain statistics, `compositionality` puts them
together with intervals from `bootstrap`; see docs/laws.md for what each score means and when not to
trust it.
"""

from .accuracy import ZERO_RULES, ZeroRule, log_accuracy, pass_at_k
from .accuracy_floor import log_accuracy_floor
from .compositionality import (
    CompositionalityScores,
    length_deciles,
    score_by_group,
    score_compositionality,
    zero_rule_sensitivity,
)
from .deviation import nmad, proportional_slope, signed_deviation
from .draws import Draws
from .floor import noise_floor
from .rank import accuracy_spearman, compute_spearman, spearman
from .score import LawScore

__all__ = [
    "ZERO_RULES",
    "CompositionalityScores",
    "Draws",
    "LawScore",
    "ZeroRule",
    "accuracy_spearman",
    "compute_spearman",
    "length_deciles",
    "log_accuracy",
    "log_accuracy_floor",
    "nmad",
    "noise_floor",
    "pass_at_k",
    "proportional_slope",
    "score_by_group",
    "score_compositionality",
    "signed_deviation",
    "spearman",
    "zero_rule_sensitivity",
]
