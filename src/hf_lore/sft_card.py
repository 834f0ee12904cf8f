"""The text of an SFT dataset's card, filled from the run that made it and from nothing else."""

from .run import Manifest
from .sft import SelectionReport

__all__ = ["sft_card_body"]


def sft_card_body(manifest: Manifest, report: SelectionReport) -> str:
    """Markdown below the YAML of the README of a run's dataset/ folder."""
    params = manifest.params
    rejected = "\n".join(f"| {k} | {n} |" for k, n in sorted(report.rejected.items()))
    exact = "\n".join(f"| {k} | {n} of {report.rows} |" for k, n in report.text_exact.items())
    return f"""# SFT-Compo

Right answers of `{manifest.model}` to questions and to the same questions asked together, chosen so
that the composed question gets as many reasoning tokens as its parts (arXiv 2512.17901).

| config | of the right answers to each composite's questions |
|---|---|
| sft_compo | the ones whose lengths add up best: least \\|ℓ(x1) + … − ℓ(composed)\\| |
| sft_control | a uniformly random choice from the same answers |
| sft_anti | the ones whose lengths add up worst |

The three hold the same composites and roles and differ in completions only.

## How it was made

| | |
|---|---|
| teacher | `{manifest.model}`, revision `{manifest.revision}` |
| answers a question (K) | {manifest.num_samples} |
| temperature, top_p, top_k | {params.temperature}, {params.top_p}, {params.top_k} |
| most new tokens an answer | {params.max_new_tokens} |
| seed | {params.seed} |
| reasoning tokens counted by | {manifest.count_method} |
| composites in, selected | {report.composites}, {report.selected} |

`run.json` holds the whole manifest.

## Rejected composites, by reason

| reason | composites |
|---|---|
{rejected or "| none | 0 |"}

## Training on it

`prompt_ids` + `completion_ids` are the tokens the teacher read and wrote (`ids_source` says where
they were re-tokenised instead); train on the completion's only. With TRL's own `trl sft`, which
reads the `prompt` and `completion` text, set `--max_length` to none or to more than the longest
row: its default of 1,024 cuts traces without a word. Rows whose text tokenises back to exactly
their ids:

| config | exact rows |
|---|---|
{exact}
"""
