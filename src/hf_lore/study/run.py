"""Running a study: groups over processes, each step on disk before the next, nothing done twice."""

import json
import multiprocessing
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import asdict, dataclass
from pathlib import Path

from ..errors import ConfigError, HfLoreError
from .design import Group, Sizes, Study, exam_questions, training_composites
from .exam import Scores, read_answers, score_answers, sit_exam
from .splits import Split, teach
from .trainings import train_arm

__all__ = ["Result", "read_results", "run_group", "run_study"]


@dataclass(frozen=True, slots=True)
class Result:
    """One model of the study.

    Args:
        setting, patient, arm (`str`), seed (`int`): which.
        scores (`Scores`): of its exam.
        split (`Split`, *optional*): what SFT trained on; None for other arms.
    """

    setting: str
    patient: str
    seed: int
    arm: str
    scores: Scores
    split: Split | None


def run_study(out: Path, study: Study, *, workers: int = 1, until: float | None = None) -> None:
    """Run what is left of a study in a folder.

    Args:
        workers: processes, a group each at a time, each on one thread.
        until: seconds since the epoch, after which no further arm is begun; run again to go on.

    Raises:
        ConfigError: the folder holds a study of other sizes.
        HfLoreError: groups that failed, named with their reasons, after all others were run.
    """
    _check_same(out, study.sizes)
    groups = study.groups()
    models = sum(len(g.setting.arms) for g in groups)
    sys.stderr.write(f"{models} models in {len(groups)} groups; what is done is not done again\n")
    failures = []
    # Spawned, so that every process starts with one thread and no state of this one.
    context = multiprocessing.get_context("spawn")
    with ProcessPoolExecutor(workers, mp_context=context) as pool:
        jobs = {
            pool.submit(run_group, out, g, study.patients[g.patient], study.sizes, until): g
            for g in groups
        }
        for number, job in enumerate(as_completed(jobs), 1):
            name = jobs[job].name
            if reason := job.result():
                failures.append(f"{name}: {reason}")
            sys.stderr.write(f"[{number}/{len(jobs)}] {name}{' failed' if reason else ''}\n")
    if failures:
        raise HfLoreError(f"{len(failures)} groups failed: {'; '.join(failures)}; fix: run again")


def run_group(
    out: Path, group: Group, patient: Path, sizes: Sizes, until: float | None = None
) -> str | None:
    """Teach, and train and examine every arm; returns why it failed, or None."""
    import datasets
    import torch
    from transformers.utils import logging

    torch.set_num_threads(1)
    datasets.disable_progress_bars()
    logging.disable_progress_bar()
    setting, seed = group.setting, group.seed
    exam = exam_questions(seed, setting.parts, sizes)
    teacher = out / "teachers" / setting.teacher / f"{group.patient}-seed{seed}"
    try:
        for arm in setting.arms:
            if until is not None and time.time() > until:
                return None
            model, answers = patient, out / group.name / arm / "answers.parquet"
            if answers.exists():
                continue
            if arm != "base":
                composites = training_composites(seed, setting, exam)
                teach(teacher, patient, group.patient, composites, setting.samples, seed)
                model = answers.parent / "model"
                train_arm(arm, patient, teacher, model, seed, sizes)
            answers.parent.mkdir(parents=True, exist_ok=True)
            sit_exam(model, f"{group.name}/{arm}", exam, sizes, seed, answers)
    except (HfLoreError, RuntimeError, MemoryError, OSError) as error:
        return " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return None


def read_results(out: Path, study: Study) -> Iterator[Result]:
    """Every model that has sat its exam, scored from its answers; groups in their order."""
    for group in study.groups():
        setting = group.setting
        exam = exam_questions(group.seed, setting.parts, study.sizes)
        summary = (
            out / "teachers" / setting.teacher / f"{group.patient}-seed{group.seed}"
            / "arms" / "splits.json"
        )  # fmt: skip
        splits = json.loads(summary.read_text(encoding="utf-8")) if summary.exists() else {}
        for arm in setting.arms:
            path = out / group.name / arm / "answers.parquet"
            if path.exists():
                scores = score_answers(read_answers(path), exam)
                split = Split(*splits[arm]) if arm in splits else None
                yield Result(setting.name, group.patient, group.seed, arm, scores, split)


def _check_same(out: Path, sizes: Sizes) -> None:
    path = out / "study.json"
    out.mkdir(parents=True, exist_ok=True)
    if path.exists():
        if json.loads(path.read_text(encoding="utf-8")) != asdict(sizes):
            raise ConfigError(f"{out} holds a study of other sizes; fix: another folder")
    else:
        path.write_text(json.dumps(asdict(sizes), indent=2) + "\n", encoding="utf-8")
