"""The study: which of the method's parts does the work, on separately trained tiny patients.

Every arm trains a patient on another choice of the same right answers (`arms`), every trained model
sits the same exams (`exam`), and what is compared is compared within patient and seed (`effects`).
`hf-lore demo --study` runs the short form, `benchmarks/evidence.py` the long one.
"""

from .design import CENTRE, QUICK_SIZES, Group, Setting, Sizes, Study
from .effects import Effect, effect
from .run import Result, read_results, run_study
from .tables import study_tables

__all__ = [
    "CENTRE",
    "QUICK_SIZES",
    "Effect",
    "Group",
    "Result",
    "Setting",
    "Sizes",
    "Study",
    "effect",
    "read_results",
    "run_study",
    "study_tables",
]
