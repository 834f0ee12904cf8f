"""`hf-lore bench`: question sets drawn, graded and scored, one run directory each.

    OUT/compo/, OUT/mono/            suite lore        OUT/gsm8k/, OUT/math500/ …   suite math
    OUT/laws.json, OUT/table.md      all scores        OUT/report.html              suite lore

The summary shows every set that the model has answered in the folder, asked now or before. Each run
directory goes on where it was, so a killed bench loses what was in flight and a finished one costs
seconds. Before the samples are drawn, a few draws that belong to them anyway say what the whole
will cost.
"""

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from time import monotonic
from typing import TYPE_CHECKING, Any, Literal

from .accuracy import BENCHMARKS
from .errors import ConfigError, HfLoreError, MissingExtraError, RunMismatchError
from .question_table import Items, are_composites
from .report import report_figures, write_report
from .report_data import open_report_runs
from .run import Run
from .sampling.collect import collect_samples
from .sampling.prompts import render_prompts
from .sampling.sample import Sampler, SamplingParams
from .sampling.store import SampleStore
from .scoring import (
    QuestionScores,
    RunScores,
    check_scorable,
    load_question_scores,
    load_scores,
    plot_run,
    score,
    score_accuracy,
    score_mono,
)
from .stages import sample, start_run, verify
from .tables import format_accuracy, format_mono, format_paper, format_scores

if TYPE_CHECKING:
    from transformers import PreTrainedTokenizerBase

__all__ = ["PRESETS", "BenchSettings", "Preset", "Suite", "bench_lore", "bench_math"]

Suite = Literal["lore", "math"]
# Draws that say what the rest will cost: spread over the questions, one each.
PILOT_DRAWS = 64
LORE_SETS = ("compo", "mono")


@dataclass(frozen=True, slots=True)
class Preset:
    """Sizes and sampling of a suite.

    Args:
        num_samples (`int`): draws a question.
        temperature (`float`), max_new_tokens (`int`): of every draw.
        composites (`int`): LORE-Compo composites at most.
        steps (`tuple[int, ...]`), instances (`int`): of LORE-Mono: N, and seed questions a family.
        problems (`int`, *optional*): of each accuracy benchmark; None is all.
    """

    num_samples: int
    temperature: float
    max_new_tokens: int
    composites: int = 250
    steps: tuple[int, ...] = tuple(range(1, 31))
    instances: int = 1
    problems: int | None = None


# "paper" has the paper's temperature and budgets (arXiv 2512.17901), which the others do not:
# "quick" is to see it move, "tiny" fits the embedded reasoner.
PRESETS: dict[Suite, dict[str, Preset]] = {
    "lore": {
        "paper": Preset(8, 0.6, 20_480),
        "quick": Preset(4, 0.6, 8_192, composites=40, steps=(1, 5, 10, 15, 20, 25, 30)),
        "tiny": Preset(8, 1.0, 320, composites=100, steps=tuple(range(1, 7)), instances=10),
    },
    "math": {
        "paper": Preset(8, 0.6, 10_240),
        "quick": Preset(2, 0.6, 4_096, problems=30),
        "tiny": Preset(4, 1.0, 320),
    },
}


@dataclass(frozen=True, slots=True)
class BenchSettings:
    """How every question of a bench is asked.

    Args:
        num_samples (`int`): draws a question.
        params (`SamplingParams`): of every draw.
        instruction (`str`, *optional*): added to every question, as in `Run`.
        built (`dict`): how the bench was asked for, for the reader of the manifests.
        origins (`dict`): set → where its questions come from and what was left out, likewise.
    """

    num_samples: int
    params: SamplingParams
    instruction: str | None = None
    built: dict[str, Any] = field(default_factory=dict)
    origins: dict[str, dict[str, Any]] = field(default_factory=dict)


def bench_lore(
    out: Path,
    sets: Mapping[str, Items],
    sampler: Sampler,
    tokenizer: "PreTrainedTokenizerBase",
    settings: BenchSettings,
) -> str:
    """LORE-Compo, LORE-Mono, or both, end to end.

    Args:
        out: the folder; a run directory below it for each set.
        sets: "compo" → composites, "mono" → LORE-Mono questions.
        sampler, tokenizer: who answers.
        settings: how.

    Returns:
        The tables, which are in `out/table.md` too.

    Raises:
        RunMismatchError: the folder holds a bench of other settings.
    """
    if are_composites(asked := sets.get("compo", ())):
        # Told before the first draw, not after the last.
        check_scorable(asked, "the set of composites")
    runs = _draw(out, sets, sampler, tokenizer, settings)
    found = _Summary()
    if (run := runs.get("compo")) is not None:
        found.compo = score(run)
        try:
            plot_run(run, found.compo)
        except MissingExtraError as error:
            _say(f"scored without plots: {error}")
    if (run := runs.get("mono")) is not None:
        found.mono = score_mono(run)
    _add_earlier(found, out, sampler)
    _report(out / "report.html", [out / name for name in found.names() if name in LORE_SETS])
    return _write(out, found, sampler)


def bench_math(
    out: Path,
    sets: Mapping[str, Items],
    sampler: Sampler,
    tokenizer: "PreTrainedTokenizerBase",
    settings: BenchSettings,
) -> str:
    """Accuracy benchmarks end to end; arguments, result and errors as `bench_lore`.

    Args:
        sets: benchmark → its questions.
    """
    runs = _draw(out, sets, sampler, tokenizer, settings)
    found = _Summary(accuracy={name: score_accuracy(run) for name, run in runs.items()})
    _add_earlier(found, out, sampler)
    return _write(out, found, sampler)


@dataclass(slots=True)
class _Summary:
    """Scores of all sets in a bench's folder, those that an earlier call asked included."""

    compo: RunScores | None = None
    mono: QuestionScores | None = None
    accuracy: dict[str, QuestionScores] = field(default_factory=dict)

    def names(self) -> list[str]:
        lore = {"compo": self.compo, "mono": self.mono}
        return [*(name for name in LORE_SETS if lore[name] is not None), *self.accuracy]


def _add_earlier(found: _Summary, out: Path, sampler: Sampler) -> None:
    """Take up the sets that this call did not ask and that the same model answered before."""
    for name in (*LORE_SETS, *BENCHMARKS):
        if name in found.names() or not (out / name / "manifest.json").exists():
            continue
        try:
            run = Run.open(out / name)
            if (run.manifest.model, run.manifest.revision) != (sampler.model, sampler.revision):
                raise RunMismatchError(f"it was asked of {run.manifest.model}")
            if not run.laws.exists():
                raise ConfigError("it has no scores yet; fix: run its bench to the end")
            if name == "compo":
                found.compo = load_scores(run)
            elif name == "mono":
                found.mono = load_question_scores(run)
            else:
                found.accuracy[name] = load_question_scores(run)
        except HfLoreError as error:
            _say(f"{name}: left out of the summary: {error}")
        else:
            _say(f"{name}: not asked now, its scores of before stay in the summary")
    # In one order, whatever was asked first.
    last = list(BENCHMARKS)
    found.accuracy = dict(
        sorted(found.accuracy.items(), key=lambda item: [*last, item[0]].index(item[0]))
    )


def _draw(
    out: Path,
    sets: Mapping[str, Items],
    sampler: Sampler,
    tokenizer: "PreTrainedTokenizerBase",
    settings: BenchSettings,
) -> dict[str, Run]:
    if not sets:
        raise ConfigError("there is nothing to ask; fix: name at least one question set")
    if out.is_file():
        raise ConfigError(f"{out} is a file; fix: give a folder with --out")
    # All directories are made, and so all settings compared, before the first draw.
    runs = {
        name: start_run(
            out / name,
            items,
            sampler,
            tokenizer,
            settings.params,
            settings.num_samples,
            instruction=settings.instruction,
            built={**settings.built, "set": name, **settings.origins.get(name, {})},
        )
        for name, items in sets.items()
    }
    for name, run in runs.items():
        _announce(name, run, sampler, tokenizer)
    for name, run in runs.items():
        start = monotonic()
        stats = sample(run, sampler, tokenizer)
        counts = verify(run)
        graded = ", ".join(f"{n} {status}" for status, n in sorted(counts.items()))
        _say(
            f"{name}: {stats.drawn} samples drawn, {stats.reused} held already; {graded} "
            f"({monotonic() - start:.0f} s)"
        )
    return runs


def _announce(name: str, run: Run, sampler: Sampler, tokenizer: "PreTrainedTokenizerBase") -> None:
    """Say what the run will cost, from a few of its own draws."""
    manifest = run.manifest
    prompts = render_prompts(run.questions(), tokenizer, manifest.asked)
    total = len(prompts) * manifest.num_samples
    budget = manifest.params.max_new_tokens
    _say(
        f"{name}: {len(prompts)} questions × {manifest.num_samples} draws = {total:,} samples, at "
        f"most {total * budget:,} tokens"
    )
    pilot = prompts[:: max(1, len(prompts) // PILOT_DRAWS)]
    rate = None
    with SampleStore(run.samples, manifest.fingerprint) as store:
        if len(store) < len(pilot):
            # The first draw alone: it loads the weights, or finds the server.
            for some in (pilot[:1], pilot):
                stats = collect_samples(
                    sampler,
                    store,
                    some,
                    num_samples=1,
                    params=manifest.params,
                    progress=False,
                )
            rate = stats.tokens / stats.seconds if stats.tokens else None
        lengths = [s.n_tokens for s in store]
    owed = total - len(lengths)
    if not owed:
        _say(f"{name}: all {total:,} samples are held already")
        return
    mean = sum(lengths) / len(lengths)
    line = f"{name}: {len(lengths)} draws have {mean:,.0f} tokens each, so {owed:,} more will have "
    line += f"about {owed * mean:,.0f}"
    if rate:
        line += (
            f"; at the {rate:,.0f} tokens/s of {stats.drawn} draws at once that takes "
            f"{_duration(owed * mean / rate)}, less where more are drawn at once"
        )
    _say(line)


def _duration(seconds: float) -> str:
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"


def _write(out: Path, found: _Summary, sampler: Sampler) -> str:
    texts: list[str] = []
    scores: dict[str, object] = {}
    if found.compo is not None:
        scores["compo"] = found.compo.to_json()
        texts += [f"## LORE-Compo\n\n{format_scores(found.compo)}\n\n{format_paper(found.compo)}"]
    if found.mono is not None:
        scores["mono"] = found.mono.to_json()
        texts += [f"## LORE-Mono\n\n{format_mono(found.mono)}"]
    suites = ["lore"] if scores else []
    if found.accuracy:
        suites.append("math")
        scores.update({name: one.to_json() for name, one in found.accuracy.items()})
        texts += [f"{sampler.model} ({sampler.revision})\n\n{format_accuracy(found.accuracy)}"]
    text = "\n\n".join(texts) + "\n"
    summary = {"suite": " and ".join(suites), **scores}
    laws = json.dumps(summary, indent=2, allow_nan=False) + "\n"
    for name, content in (("laws.json", laws), ("table.md", text)):
        part = out / f".{name}.part"
        part.write_text(content, encoding="utf-8")
        os.replace(part, out / name)
    return text


def _report(path: Path, runs: Sequence[Path]) -> None:
    try:
        with open_report_runs(runs) as (entries, sources):
            written = write_report(path, entries, sources, report_figures(entries))
    except MissingExtraError as error:
        _say(f"scored without a report: {error}")
        return
    _say(
        f"{path.name}: traces of {written.traces:,} of {written.composites:,} composites, "
        f"{written.size / 1e6:.1f} MB"
    )


def _say(line: str) -> None:
    sys.stderr.write(f"{line}\n")
