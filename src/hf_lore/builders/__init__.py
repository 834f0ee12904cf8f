"""Datasets builders and the column schemas of what is published.

`LoreMono` and `LoreCompo` are `datasets.GeneratorBasedBuilder`s to import and call; nothing here is
a loading script, which `datasets` 4 and later refuse. What users download is plain Parquet with the
features declared here.
"""

from .lore_compo import (
    LORE_COMPO_FEATURES,
    LoreCompo,
    LoreCompoConfig,
    composite_to_row,
    composites_from_rows,
    question_from_row,
    question_to_row,
)
from .lore_mono import LORE_MONO_FEATURES, LoreMono, LoreMonoConfig

__all__ = [
    "LORE_COMPO_FEATURES",
    "LORE_MONO_FEATURES",
    "LoreCompo",
    "LoreCompoConfig",
    "LoreMono",
    "LoreMonoConfig",
    "composite_to_row",
    "composites_from_rows",
    "question_from_row",
    "question_to_row",
]
