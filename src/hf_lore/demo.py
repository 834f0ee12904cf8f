"""`hf-lore demo`: the whole pipeline on the embedded tiny reasoner, in run directories.

    teacher/                        composites → K samples → verdicts → selection → SFT splits
    models/{sft_compo,sft_control,sft_anti}/   the tiny reasoner trained on each split
    eval/{base,sft_compo,sft_control,sft_anti}/   each model on composites not trained on
    plots/                          base beside the trained models
    report.html                     the same, with the traces

Every step looks at what is there and does only what is owed, so a killed demo goes on where it was
and a finished one costs seconds. The tiny reasoner is made to underthink composites: the demo shows
that the machinery works, and is no evidence about large models.
"""

import hashlib
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from time import monotonic

from .compo import build_composites
from .errors import HfLoreError, MissingExtraError
from .laws import Comparison, compare
from .questions import Composite, content_hash
from .report import report_figures, write_report
from .report_data import open_report_runs
from .run import Run
from .sampler_options import TINY, make_sampler
from .sampling.sample import SamplingParams
from .scoring import RunScores, load_scores, plot_run, plot_runs, read_draws, score
from .sft import SFT_CONFIGS
from .stages import sample, select, start_run, verify
from .tables import format_comparison, format_paired

BATCH_SIZE = 256

__all__ = ["QUICK", "DemoSettings", "check_extras", "run_demo"]


@dataclass(frozen=True, slots=True)
class DemoSettings:
    """The demo's sizes; the defaults take about four minutes on two cores.

    Args:
        train_composites, eval_composites (`int`): composites sampled for training and scored.
        train_samples, eval_samples (`int`): K of either.
        temperature (`float`), max_new_tokens (`int`): of every draw.
        epochs (`int`): of each training.
        seed (`int`): of questions, pairing, draws, control and training.
    """

    train_composites: int = 150
    eval_composites: int = 100
    train_samples: int = 8
    eval_samples: int = 32
    temperature: float = 1.0
    max_new_tokens: int = 320
    epochs: int = 5
    seed: int = 0


QUICK = DemoSettings(
    train_composites=24, eval_composites=16, train_samples=4, eval_samples=4, epochs=1
)


def run_demo(out: Path, settings: DemoSettings) -> str:
    """Run the demo, or what is left of it, in a folder.

    Returns:
        The table of scores.

    Raises:
        RunMismatchError: the folder holds a demo of other settings.
        MissingExtraError: the demo's packages are not installed.
    """
    check_extras("plotly")
    from .tiny import tiny_path

    train, held_out = _composites(settings)
    with _step("teacher: sample, verify, select"):
        dataset = _teach(out / "teacher", train, settings)
    models = {"base": tiny_path()}
    for config in SFT_CONFIGS:
        models[config] = out / "models" / config
        with _step(f"train on {config}"):
            _train(models[config], tiny_path(), dataset, config, settings)
    scores = {}
    for name, model in models.items():
        with _step(f"score {name}"):
            scores[name] = _evaluate(out / "eval" / name, held_out, str(model), name, settings)
    plot_runs(out / "plots" / "compositionality.png", scores)
    with _step("compare, model by model, on the same composites"):
        paired = _compare(out / "eval")
    table = f"{format_comparison(scores)}\n\n{format_paired(paired)}"
    (out / "table.md").write_text(table + "\n", encoding="utf-8")
    with _step("report"):
        report = _report(out, list(scores))
    return f"{table}\n\nplots: {out / 'plots'}\nreport: {report}\n"


def check_extras(*more: str) -> None:
    """Before hours of work, that what its end needs is installed.

    Raises:
        MissingExtraError: a package of the extra "demo", or of `more`, is not.
    """
    from importlib.util import find_spec

    for package in ("torch", "transformers", "trl", "matplotlib", *more):
        if find_spec(package) is None:
            raise MissingExtraError(package, "demo")


@contextmanager
def _step(what: str) -> Iterator[None]:
    sys.stderr.write(f"── {what}\n")
    start = monotonic()
    yield
    sys.stderr.write(f"   {monotonic() - start:.1f} s\n")


def _composites(settings: DemoSettings) -> tuple[list[Composite], list[Composite]]:
    """Composites to train on and to score, which share no question."""
    from .tiny import tiny_questions

    # Twice what is needed: pairing by subject leaves some over.
    train = tiny_questions(4 * settings.train_composites, seed=settings.seed)
    seen = {q.id for q in train}
    fresh = tiny_questions(4 * settings.eval_composites, seed=settings.seed + 1)
    held_out = [q for q in fresh if q.id not in seen]
    return (
        build_composites(train, limit=settings.train_composites, seed=settings.seed),
        build_composites(held_out, limit=settings.eval_composites, seed=settings.seed),
    )


def _params(settings: DemoSettings) -> SamplingParams:
    return SamplingParams(
        temperature=settings.temperature,
        max_new_tokens=settings.max_new_tokens,
        seed=settings.seed,
    )


def _teach(path: Path, composites: list[Composite], settings: DemoSettings) -> Path:
    sampler, tokenizer = make_sampler(model=TINY, batch_size=BATCH_SIZE)
    params = _params(settings)
    run = start_run(path, composites, sampler, tokenizer, params, settings.train_samples)
    if not (run.dataset / "README.md").exists():
        sample(run, sampler, tokenizer)
        verify(run)
        report = select(run, seed=settings.seed)
        if not report.selected:
            raise HfLoreError(
                f"no composite of {report.composites} gave a right triple "
                f"({report.rejected}); fix: more samples or composites"
            )
    return run.dataset


def _train(out: Path, base: Path, dataset: Path, config: str, settings: DemoSettings) -> None:
    """Run the recipe as its README says, unless this very training is done."""
    from .training import recipes_path

    rows = hashlib.sha256()
    for file in sorted((dataset / config).glob("*.parquet")):
        rows.update(file.read_bytes())
    training = content_hash("t", rows.hexdigest(), config, sorted(asdict(settings).items()))
    marker = out / "trained.json"
    if marker.exists() and json.loads(marker.read_text(encoding="utf-8"))["training"] == training:
        return
    recipes = recipes_path()
    # A trainer that outlived a killed demo must not write into the same folder as this one.
    work = out.parent / f".part-{os.getpid()}" / config
    shutil.rmtree(work.parent, ignore_errors=True)
    work.mkdir(parents=True)
    command = [
        *(sys.executable, "-m", "accelerate.commands.launch"),
        *("--config_file", str(recipes / "accelerate_configs" / "cpu.yaml")),
        str(recipes / "sft_compo.py"),
        *("--config", str(recipes / "tiny" / f"{config}.yaml")),
        *("--model_name_or_path", str(base)),
        *("--dataset_name", str(dataset)),
        *("--output_dir", str(work)),
        *("--num_train_epochs", str(settings.epochs)),
        *("--seed", str(settings.seed)),
    ]
    log = out.parent / f"{config}.log"
    with log.open("w", encoding="utf-8") as output:
        code = subprocess.run(command, stdout=output, stderr=subprocess.STDOUT).returncode
    if code:
        tail = log.read_text(encoding="utf-8").strip().splitlines()[-1:]
        raise HfLoreError(
            f"training on {config} failed with exit code {code} ({''.join(tail)}); fix: see {log}"
        )
    (work / marker.name).write_text(
        json.dumps({"training": training, "command": command}, indent=2) + "\n"
    )
    shutil.rmtree(out, ignore_errors=True)
    work.rename(out)
    work.parent.rmdir()


def _evaluate(
    path: Path, composites: list[Composite], model: str, name: str, settings: DemoSettings
) -> RunScores:
    sampler, tokenizer = make_sampler(model=model, name=name, batch_size=BATCH_SIZE)
    params = _params(settings)
    run = start_run(path, composites, sampler, tokenizer, params, settings.eval_samples)
    if not run.laws.exists():
        sample(run, sampler, tokenizer)
    # Costs little where nothing is owed, and a newer version's rules may grade again.
    verify(run)
    found = load_scores(run) if run.laws.exists() else score(run)
    if not run.plots.exists():
        plot_run(run, found)
    return found


def _compare(evaluations: Path) -> dict[str, dict[str, Comparison]]:
    """SFT-Compo against the base and against each of the other two trainings, paired."""
    draws = {name: read_draws(Run.open(evaluations / name))[1] for name in ("base", *SFT_CONFIGS)}
    return {
        f"sft_compo − {other}": compare(draws["sft_compo"], draws[other])
        for other in draws
        if other != "sft_compo"
    }


def _report(out: Path, names: list[str]) -> Path:
    """The evaluations as one page; made again only where one was scored after it."""
    runs = [Run.open(out / "eval" / name) for name in names]
    path = out / "report.html"
    scored = max(run.laws.stat().st_mtime_ns for run in runs)
    if not path.exists() or path.stat().st_mtime_ns < scored:
        with open_report_runs([run.path for run in runs]) as (entries, sources):
            write_report(path, entries, sources, report_figures(entries))
    return path
