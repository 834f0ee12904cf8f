"""The text of an SFT dataset's card, filled from the run that made it and from nothing else."""

from array import array
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby
from operator import itemgetter
from statistics import median
from typing import TYPE_CHECKING

from .card_templates import fill_card, inline
from .overlap import contamination_note
from .run import Manifest
from .sft import SelectionReport

if TYPE_CHECKING:
    from datasets import Dataset

__all__ = ["length_table", "sft_card_body"]


def sft_card_body(
    manifest: Manifest, report: SelectionReport, configs: "Mapping[str, Dataset]"
) -> str:
    """Markdown below the YAML of the README of a run's dataset/ folder."""
    rejected = [f"| {reason} | {n} |" for reason, n in sorted(report.rejected.items())]
    exact = [f"| {config} | {n} of {report.rows} |" for config, n in report.text_exact.items()]
    built = manifest.built
    source = str(built.get("source") or built.get("dataset") or "not recorded")
    benchmarks = [f"`{inline(str(b))}`" for b in built.get("benchmarks") or ()]
    return fill_card(
        "sft_compo.md",
        **asdict(manifest.params),
        source=inline(source),
        source_revision=inline(str(built.get("source_revision") or "not known")),
        source_license=inline(str(built.get("source_license") or "not stated")),
        contamination=contamination_note(
            source, benchmarks, int(built.get("overlaps_removed") or 0)
        ),
        model=inline(manifest.model),
        revision=inline(manifest.revision),
        num_samples=_draws(manifest),
        count_method=manifest.count_method,
        composites=report.composites,
        selected=report.selected,
        **report.settings,
        rejected="\n".join(rejected) or "| none | 0 |",
        text_exact="\n".join(exact),
        lengths=length_table(configs),
    )


def _draws(manifest: Manifest) -> str:
    if (adaptive := manifest.adaptive) is None:
        return str(manifest.num_samples)
    return (
        f"at most {manifest.num_samples}, in rounds of {adaptive.draws_a_round} until a right "
        f"triple has a relative gap of at most {adaptive.stop_within:g}"
    )


def length_table(configs: "Mapping[str, Dataset]") -> str:
    """A histogram of reasoning tokens, a column a config and kind of question, in Markdown.

    Bins double: 0, 1, 2 to 3, 4 to 7, … The last row is the median gap of a composite.
    """
    counts: dict[str, Counter[int]] = {}
    gaps: dict[str, array[int]] = {}
    for config, rows in configs.items():
        names = ("composite_id", "role", "reasoning_tokens")
        gaps[config] = array("q")
        for role in ("parts", "composed"):
            counts[f"{config}, {role}"] = Counter()
        # A composite's rows follow one another, so one number each is all that must be held.
        columns = zip(*(rows[name] for name in names), strict=True)
        for _, found in groupby(columns, key=itemgetter(0)):
            gap = 0
            for _, role, tokens in found:
                is_composed = role == "composed"
                name = f"{config}, {'composed' if is_composed else 'parts'}"
                counts[name][tokens.bit_length()] += 1
                gap += -tokens if is_composed else tokens
            gaps[config].append(gap)
    bins = [b for found in counts.values() for b in found]
    lines = [f"| reasoning tokens | {' | '.join(counts)} |", "|---" * (len(counts) + 1) + "|"]
    for b in range(min(bins, default=0), max(bins, default=0) + 1):
        cells = [str(counts[c].get(b, 0)) for c in counts]
        lines.append(f"| {_bin_name(b)} | {' | '.join(cells)} |")
    medians = [f"{median(values):g} | " if values else "– | " for values in gaps.values()]
    return "\n".join([*lines, f"| median gap | {' | '.join(medians).rstrip()}"])


def _bin_name(bits: int) -> str:
    low, high = (1 << bits) >> 1, (1 << bits) - 1
    return str(low) if low == high or bits == 0 else f"{low} to {high}"
