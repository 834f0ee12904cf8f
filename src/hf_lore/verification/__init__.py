"""Verdicts on what models write: typed answers, composites in order, workers that can be killed."""

from .grading import check_golds, gold_parses, grade, grade_many
from .verdict import STATUSES, GradeItem, Status, Verdict

__all__ = [
    "STATUSES",
    "GradeItem",
    "Status",
    "Verdict",
    "check_golds",
    "gold_parses",
    "grade",
    "grade_many",
]
