"""The DPO and GRPO recipes on CPU, from their settings files."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest
from datasets import Dataset

from hf_lore.builders import LORE_COMPO_FEATURES, composite_to_row
from hf_lore.hub_layout import write_dataset_folder
from hf_lore.sft import SFT_FEATURES
from model_fixtures import make_tokenizer
from test_training_rewards import make_composites
from training_fixtures import make_rows, save_student

ROOT = Path(__file__).resolve().parents[1]


def run(*command):
    return subprocess.run(
        [sys.executable, *map(str, command)],
        capture_output=True,
        text=True,
        cwd=ROOT,
        timeout=300,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1", "TQDM_DISABLE": "1"},
    )


@pytest.fixture(scope="module")
def student(tmp_path_factory):
    return save_student(tmp_path_factory.mktemp("models") / "student", eos_bias=3.0)


def test_dpo_is_fed_the_sampled_ids(student, tmp_path):
    tokenizer = make_tokenizer()
    compo = make_rows(tokenizer, composites=3)
    anti = [dict(row) for row in make_rows(tokenizer, composites=3, seed=1)]
    for row, chosen in zip(anti, compo):
        row.update(prompt=chosen["prompt"], prompt_ids=chosen["prompt_ids"])
    configs = {
        "sft_compo": Dataset.from_list(compo, features=SFT_FEATURES),
        "sft_anti": Dataset.from_list(anti, features=SFT_FEATURES),
    }
    write_dataset_folder(tmp_path / "ds", configs, split="train", body="# rows")
    done = run(
        *("tests/record_labels.py", tmp_path / "b.jsonl", "recipes/dpo_compo.py"),
        *("--config", "recipes/tiny/dpo_compo.yaml", "--dataset_name", tmp_path / "ds"),
        *("--model_name_or_path", student, "--output_dir", tmp_path / "out"),
        *("--num_train_epochs", "1", "--per_device_train_batch_size", "4"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert "9 pairs (0 questions with one right answer dropped)" in done.stdout
    fed = set()
    for line in (tmp_path / "b.jsonl").read_text().splitlines():
        batch = json.loads(line)
        for ids, mask in zip(batch["input_ids"], batch["attention_mask"], strict=True):
            fed.add(tuple(i for i, m in zip(ids, mask) if m))
    assert fed == {
        tuple(r["prompt_ids"] + r["completion_ids"]) for rows in (compo, anti) for r in rows
    }
    assert (tmp_path / "out" / "model.safetensors").exists()


def test_grpo_trains_on_both_rewards(student, tmp_path):
    rows = Dataset.from_list(
        [composite_to_row(c) for c in make_composites(2)], features=LORE_COMPO_FEATURES
    )
    write_dataset_folder(tmp_path / "compo", {"default": rows}, split="test", body="# composites")
    settings = (
        *("recipes/grpo_compo.py", "--config", "recipes/tiny/grpo_compo.yaml"),
        *("--dataset_name", tmp_path / "compo", "--model_name_or_path", student),
        *("--output_dir", tmp_path / "out", "--max_completion_length", "24"),
    )
    done = run(*settings, "--num_generations", "2", "--per_device_train_batch_size", "6")
    assert done.returncode == 0, done.stderr[-2000:]
    history = json.loads((tmp_path / "out" / "trainer_state.json").read_text())["log_history"]
    steps = [r for r in history if "rewards/compositionality_reward/mean" in r]
    assert len(steps) == 2  # 2 composites x 3 questions x 2 generations, 6 at a time
    assert all(r["rewards/answer_reward/mean"] == 0 for r in steps)
