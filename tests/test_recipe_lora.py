"""LoRA through the recipes: the sampled ids, an adapter that loads, laws while it trains."""

import json
import sys

import pytest

pytest.importorskip("peft", reason="LoRA needs peft: pip install 'hf-lore[peft]'")

import torch
from datasets import Dataset
from peft import AutoPeftModelForCausalLM
from safetensors.torch import load_file
from transformers import AutoModelForCausalLM

from hf_lore.builders import LORE_COMPO_FEATURES, composite_to_row
from hf_lore.compo import build_composites
from hf_lore.hub_layout import write_dataset_folder
from hf_lore.sft import SFT_FEATURES
from hf_lore.tiny import tiny_questions
from hf_lore.training.law_eval import COMPOSITIONALITY_KEYS
from model_fixtures import make_tokenizer
from test_recipe_sft import run, sequences, wanted
from training_fixtures import make_rows, save_student, write_sft_folder

LORA = ("--use_peft", "--lora_r", "4", "--lora_target_modules", "q_proj", "v_proj")


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("lora")
    write_sft_folder(folder / "run" / "dataset", make_rows(make_tokenizer(), composites=8))
    save_student(folder / "student", eos_bias=3.0)
    return folder


def adapter_and_base(out, base):
    """The logits of base and adapted model on the same ids."""
    ids = torch.tensor([[1, 5, 7, 9, 11]])
    with torch.no_grad():
        plain = AutoModelForCausalLM.from_pretrained(base)(ids).logits
        adapted = AutoPeftModelForCausalLM.from_pretrained(out)(ids).logits
    return plain, adapted


def test_sft_trains_an_adapter_on_exactly_the_sampled_ids(folder, tmp_path):
    out = tmp_path / "out"
    done = run(
        *(sys.executable, "tests/record_labels.py", tmp_path / "b.jsonl", "recipes/sft_compo.py"),
        *("--config", "recipes/tiny/sft_compo.yaml", "--num_train_epochs", "1"),
        *("--model_name_or_path", folder / "student", "--dataset_name", folder / "run"),
        *("--output_dir", out, "--learning_rate", "1e-2", *LORA),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sequences(tmp_path / "b.jsonl") == wanted(make_rows(make_tokenizer(), composites=8))
    names = set(load_file(out / "adapter_model.safetensors"))
    assert names
    assert all("lora_" in name for name in names)
    assert not (out / "model.safetensors").exists()
    plain, adapted = adapter_and_base(out, folder / "student")
    assert not torch.allclose(plain, adapted)
    assert "--use_peft --lora_r 4" in (out / "README.md").read_text(encoding="utf-8")


def test_the_law_callback_samples_the_adapted_model_in_either_way(folder, tmp_path):
    rows = [composite_to_row(c) for c in build_composites(tiny_questions(16, 0), limit=2)]
    composites = Dataset.from_list(rows, features=LORE_COMPO_FEATURES)
    write_dataset_folder(tmp_path / "compo", {"tiny": composites}, split="test", body="# tiny")
    found = []
    for way in ("false", "true"):
        out = tmp_path / way
        done = run(
            *(sys.executable, "recipes/sft_compo.py", "--config", "recipes/tiny/sft_compo.yaml"),
            *("--model_name_or_path", folder / "student", "--dataset_name", folder / "run"),
            *("--output_dir", out, "--num_train_epochs", "1", *LORA),
            *("--eval_strategy", "epoch", "--eval_composites", "2", "--law_dataset"),
            *(tmp_path / "compo", "--law_num_samples", "2", "--law_max_new_tokens", "24"),
            *("--law_continuous_batching", way),
        )
        assert done.returncode == 0, done.stderr[-2000:]
        assert "no law scores" not in done.stderr + done.stdout
        history = json.loads((out / "trainer_state.json").read_text())["log_history"]
        (line,) = [line for line in history if COMPOSITIONALITY_KEYS[0] in line]
        found.append({key: line[key] for key in COMPOSITIONALITY_KEYS})
    # Drawn and graded; a random model need not close its reasoning.
    assert 0 <= found[0]["eval_lore_truncated_share"] <= 1
    assert 0 <= found[0]["eval_lore_accuracy_parts"] <= 1
    assert str(found[0]) == str(found[1])


def test_dpo_trains_an_adapter_against_the_model_it_starts_from(folder, tmp_path):
    compo = make_rows(make_tokenizer(), composites=3)
    anti = [dict(row) for row in make_rows(make_tokenizer(), composites=3, seed=1)]
    for row, chosen in zip(anti, compo, strict=True):
        row.update(prompt=chosen["prompt"], prompt_ids=chosen["prompt_ids"])
    configs = {
        name: Dataset.from_list(rows, features=SFT_FEATURES)
        for name, rows in (("sft_compo", compo), ("sft_anti", anti))
    }
    write_dataset_folder(tmp_path / "pairs", configs, split="train", body="# pairs")
    out = tmp_path / "out"
    done = run(
        *(sys.executable, "recipes/dpo_compo.py", "--config", "recipes/tiny/dpo_compo.yaml"),
        *("--model_name_or_path", folder / "student", "--dataset_name", tmp_path / "pairs"),
        *("--output_dir", out, "--max_steps", "2", "--learning_rate", "1e-2", *LORA),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    plain, adapted = adapter_and_base(out, folder / "student")
    assert not torch.allclose(plain, adapted)
