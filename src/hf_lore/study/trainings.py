"""An arm's training: the recipe that users run, with its own settings file, in this process."""

import importlib.util
import json
import os
import shutil
import sys
import time
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from types import ModuleType

from ..training import recipes_path
from .design import Sizes

__all__ = ["train_arm"]

# Arm → the recipe, its settings file, and which split it reads.
RECIPES = {
    "sft_compo": ("sft_compo", "sft_compo", "sft_compo"),
    "sft_control": ("sft_compo", "sft_control", "sft_control"),
    "sft_anti": ("sft_compo", "sft_anti", "sft_anti"),
    "token_matched": ("sft_compo", "sft_control", "token_matched"),
    "longest_composed": ("sft_compo", "sft_control", "longest_composed"),
    "dpo": ("dpo_compo", "dpo_compo", None),
    "grpo": ("grpo_compo", "grpo_compo", None),
}
OWN_SPLITS = ("token_matched", "longest_composed")


def train_arm(arm: str, patient: Path, teacher: Path, out: Path, seed: int, sizes: Sizes) -> None:
    """Train unless it is done; `out` appears only when it is, with `training.json` in it."""
    if (out / "training.json").exists():
        return
    recipe, settings, split = RECIPES[arm]
    work = out.with_name(f".{out.name}.part-{os.getpid()}")
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    folder = recipes_path()
    arguments = [
        *("--config", str(folder / "tiny" / f"{settings}.yaml")),
        *("--model_name_or_path", str(patient)),
        *("--dataset_name", str(teacher / "arms" if arm in OWN_SPLITS else teacher)),
        *("--output_dir", str(work)),
        *("--seed", str(seed)),
        *("--disable_tqdm", "true"),
        *("--report_to", "none"),
    ]
    if split:
        arguments += ["--dataset_config", split]
    if arm == "grpo" and sizes.grpo_composites:
        arguments += ["--limit", str(sizes.grpo_composites)]
    if arm != "grpo" and sizes.epochs:
        arguments += ["--num_train_epochs", str(sizes.epochs)]
    module = _recipe(folder / f"{recipe}.py")
    start = time.process_time()
    log = (work / "training.log").open("w", encoding="utf-8")
    with log, redirect_stdout(log), redirect_stderr(log):
        module.main(*module.make_parser(recipe).parse(arguments))
    done = {"recipe": recipe, "arguments": arguments, "cpu_s": time.process_time() - start}
    (work / "training.json").write_text(json.dumps(done, indent=2) + "\n", encoding="utf-8")
    shutil.rmtree(out, ignore_errors=True)
    work.rename(out)


def _recipe(path: Path) -> ModuleType:
    name = f"hf_lore_recipe_{path.stem}"
    if name not in sys.modules:
        spec = importlib.util.spec_from_file_location(name, path)
        assert spec is not None
        assert spec.loader is not None
        module = importlib.util.module_from_spec(spec)
        sys.modules[name] = module
        spec.loader.exec_module(module)
    return sys.modules[name]
