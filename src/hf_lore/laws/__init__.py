"""The laws of reasoning as functions of arrays. Pure numpy, float64; no import of the package.

`deviation`, `accuracy`, `rank` and `floor` hold the plain statistics; `compositionality`,
`monotonicity`, `fits` and `comparison` put them together with intervals from `bootstrap`;
`planning` says what they cost. See docs/laws.md for what each score means and when not to trust it.
"""

from .accuracy import ZERO_RULES, ZeroRule, log_accuracy, pass_at_k
from .accuracy_floor import log_accuracy_floor
from .comparison import Comparison, compare
from .compositionality import (
    CompositionalityScores,
    length_deciles,
    score_by_group,
    score_compositionality,
    zero_rule_sensitivity,
)
from .deviation import nmad, proportional_slope, signed_deviation
from .draws import Draws
from .fits import AccuracyLawFit, ComputeLawFit, fit_accuracy_law, fit_compute_law
from .floor import noise_floor
from .limit import nmad_limit
from .monotonicity import MonotonicityScores, score_by_domain, score_monotonicity
from .planning import PlanAssumptions, PlanRow, plan
from .rank import accuracy_spearman, compute_spearman, spearman
from .score import LawScore

__all__ = [
    "ZERO_RULES",
    "AccuracyLawFit",
    "Comparison",
    "CompositionalityScores",
    "ComputeLawFit",
    "Draws",
    "LawScore",
    "MonotonicityScores",
    "PlanAssumptions",
    "PlanRow",
    "ZeroRule",
    "accuracy_spearman",
    "compare",
    "compute_spearman",
    "fit_accuracy_law",
    "fit_compute_law",
    "length_deciles",
    "log_accuracy",
    "log_accuracy_floor",
    "nmad",
    "nmad_limit",
    "noise_floor",
    "pass_at_k",
    "plan",
    "proportional_slope",
    "score_by_domain",
    "score_by_group",
    "score_compositionality",
    "score_monotonicity",
    "signed_deviation",
    "spearman",
    "zero_rule_sensitivity",
]
