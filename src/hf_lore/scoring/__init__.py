"""The laws of a run: its samples and verdicts as arrays, its scores in laws.json, and plots."""

from .composites import Point, RunScores, load_scores, score
from .draws import QuestionDraws, check_scorable, read_draws
from .plots import plot_run, plot_runs
from .questions import (
    OVERALL,
    QuestionPoint,
    QuestionScores,
    load_question_scores,
    score_accuracy,
    score_mono,
    score_questions,
)

__all__ = [
    "OVERALL",
    "Point",
    "QuestionDraws",
    "QuestionPoint",
    "QuestionScores",
    "RunScores",
    "check_scorable",
    "load_question_scores",
    "load_scores",
    "plot_run",
    "plot_runs",
    "read_draws",
    "score",
    "score_accuracy",
    "score_mono",
    "score_questions",
]
