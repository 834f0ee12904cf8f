"""The recipe killed and resumed, and the recipe on two processes."""

import json
import math
import os
import signal
import socket
import subprocess
import sys
import time
from pathlib import Path

import pytest
from datasets import Dataset

from hf_lore.builders import LORE_COMPO_FEATURES, composite_to_row
from hf_lore.hub_layout import write_dataset_folder
from model_fixtures import make_tokenizer
from test_training_rewards import make_composites
from training_fixtures import make_rows, save_student, write_sft_folder

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    "TQDM_DISABLE": "1",
}


@pytest.fixture(scope="module")
def command(tmp_path_factory):
    folder = tmp_path_factory.mktemp("resume")
    write_sft_folder(folder / "ds", make_rows(make_tokenizer(), composites=8))
    save_student(folder / "student", eos_bias=3.0)
    rows = Dataset.from_list(
        [composite_to_row(c) for c in make_composites(3)], features=LORE_COMPO_FEATURES
    )
    write_dataset_folder(folder / "compo", {"default": rows}, split="test", body="# composites")
    return [
        *("recipes/sft_compo.py", "--config", "recipes/tiny/sft_compo.yaml"),
        *("--dataset_name", str(folder / "ds"), "--model_name_or_path", str(folder / "student")),
        *("--eval_strategy", "steps", "--eval_steps", "6", "--eval_composites", "2"),
        *("--law_dataset", str(folder / "compo"), "--law_max_new_tokens", "16"),
        *("--law_num_samples", "2", "--logging_steps", "1", "--logging_first_step"),
    ]


def one_process(command, *more):
    return [sys.executable, *command, *map(str, more)]


def run(command):
    done = subprocess.run(
        command, capture_output=True, text=True, cwd=ROOT, env=ENVIRONMENT, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout


def kill_when(command, condition):
    """Start, and kill -9 as soon as the condition holds."""
    process = subprocess.Popen(
        command, cwd=ROOT, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    )
    end = time.monotonic() + 240
    while process.poll() is None and not condition() and time.monotonic() < end:
        time.sleep(0.001)
    process.send_signal(signal.SIGKILL)
    process.wait()
    assert process.returncode == -signal.SIGKILL


def history(out):
    return json.loads((out / "trainer_state.json").read_text())["log_history"]


def reproducible(rows):
    """The log less wall times and trl's token counter, which starts again at a resume."""
    return [
        {k: v for k, v in row.items() if not k.endswith(("runtime", "per_second", "num_tokens"))}
        for row in rows
        if "train_runtime" not in row
    ]


@pytest.mark.slow
def test_killed_and_resumed_gives_the_weights_of_an_undisturbed_run(command, tmp_path):
    # 18 rows, 4 at a time, 5 epochs: 25 steps.
    saving = ("--save_strategy", "steps", "--save_steps", "5", "--resume_from_checkpoint", "true")
    saving = (*saving, "--per_device_train_batch_size", "4")
    whole, killed = tmp_path / "whole", tmp_path / "killed"
    assert "starting afresh" in run(one_process(command, *saving, "--output_dir", whole))
    again = one_process(command, *saving, "--output_dir", killed)
    # Between checkpoints, then while one is being written: its state is what comes last.
    kill_when(again, lambda: (killed / "checkpoint-5" / "trainer_state.json").exists())
    torn = killed / "checkpoint-15"
    kill_when(again, lambda: torn.exists() and not (torn / "trainer_state.json").exists())
    assert not (torn / "trainer_state.json").exists()
    assert "resuming from" in (said := run(again))
    assert "checkpoint-15" not in said
    name = "model.safetensors"
    assert (killed / name).read_bytes() == (whole / name).read_bytes()
    # NaN differs from itself, so compare as text.
    assert str(reproducible(history(killed))) == str(reproducible(history(whole)))


def closing_student(folder):
    """A student that closes most of its traces, so that there are lengths to score."""
    import torch
    from transformers import AutoModelForCausalLM

    save_student(folder, eos_bias=1.0)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32)
    close = make_tokenizer().convert_tokens_to_ids("</think>")
    with torch.no_grad():
        model.lm_head.weight[close, 0] += 1.0  # see make_llama's bias of EOS
    model.save_pretrained(folder)
    return folder


def batches(path):
    """The rows of each batch, less what fills them up."""
    pad = make_tokenizer().pad_token_id  # also what ends a row
    found = [json.loads(line)["input_ids"] for line in path.read_text().splitlines()]
    return [[stripped(row, pad) for row in rows] for rows in found]


def stripped(row, pad):
    return row[: max(i for i, token in enumerate(row, 1) if token != pad)]


@pytest.mark.slow
def test_two_processes_train_and_score_as_one(command, tmp_path):
    student = closing_student(tmp_path / "student")
    # 4 composites of 3 rows to train on and 4 held out, 4 rows a step: no batch is left over, which
    # two processes would fill up with rows from the start.
    settings = ["--model_name_or_path", student, "--eval_composites", 4, "--eval_on_start", "true"]
    settings += ["--law_max_new_tokens", 64, "--law_num_samples", 4, "--num_train_epochs", 2]
    settings += ["--eval_steps", 3]
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    launchers = ([], ["-m", "torch.distributed.run", "--nproc_per_node", 2, "--master_port", port])
    for launcher in launchers:
        ranks = 2 if launcher else 1
        # trl's eval_loss is a mean of batches' means, so those must be of the same rows.
        rows = ["--per_device_train_batch_size", 4 // ranks, "--per_device_eval_batch_size", 2]
        script = ["tests/record_rank.py", tmp_path / f"rows{ranks}", *command]
        out = ["--output_dir", tmp_path / f"out{ranks}"]
        run([str(x) for x in (sys.executable, *launcher, *script, *settings, *rows, *out)])
    whole = [row for batch in batches(tmp_path / "rows1.0") for row in batch]
    shares = [batches(tmp_path / f"rows2.{rank}") for rank in (0, 1)]
    # 12 rows at each of 3 evaluations, 24 in 6 steps.
    assert len(whole) >= 60
    assert [row for both in zip(*shares, strict=True) for batch in both for row in batch] == whole
    first, second = history(tmp_path / "out1"), history(tmp_path / "out2")
    for key, count in (("loss", 6), ("eval_loss", 3)):
        losses = [[r[key] for r in h if key in r] for h in (first, second)]
        assert len(losses[0]) == len(losses[1]) == count
        assert losses[1] == pytest.approx(losses[0], abs=1e-5, rel=0), key
    laws = [[r for r in h if "eval_lore_tokens_parts" in r] for h in (first, second)]
    assert [r["step"] for r in laws[0]] == [r["step"] for r in laws[1]] == [0, 3, 6]
    for a, b in zip(*laws, strict=True):
        scores = {k: v for k, v in a.items() if k.startswith("eval_lore")}
        assert len(scores) == 9
        assert all(math.isfinite(v) for v in scores.values())
        assert {k: b[k] for k in scores} == scores
