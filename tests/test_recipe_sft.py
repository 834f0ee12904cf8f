"""The SFT recipe, from its README's own command, and stock trl on the same dataset."""

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from hf_lore.training import recipes_path
from model_fixtures import make_tokenizer
from training_fixtures import make_rows, save_student, write_sft_folder

ROOT = Path(__file__).resolve().parents[1]
ENVIRONMENT = {
    **os.environ,
    "OMP_NUM_THREADS": "1",
    "HF_HUB_OFFLINE": "1",
    # The suite may run beside others on few cores: no progress bars in what is read here.
    "TQDM_DISABLE": "1",
}


def run(*command, **more):
    return subprocess.run(
        [str(c) for c in command],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env=ENVIRONMENT,
        timeout=300,
        **more,
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("sft")
    tokenizer = make_tokenizer()
    rows = make_rows(tokenizer, composites=8)
    write_sft_folder(folder / "run" / "dataset", rows)
    save_student(folder / "student")
    return folder


def sequences(path):
    """What each row of each batch trained on: (fed ids, labels), padding removed."""
    found = []
    for line in path.read_text().splitlines():
        batch = json.loads(line)
        for ids, labels in zip(batch["input_ids"], batch["labels"], strict=True):
            last = max(i for i, label in enumerate(labels) if label != -100)
            found.append((tuple(ids[: last + 1]), tuple(x for x in labels if x != -100)))
    return sorted(set(found))


def wanted(rows):
    return sorted(
        {(tuple(r["prompt_ids"] + r["completion_ids"]), tuple(r["completion_ids"])) for r in rows}
    )


def readme_command():
    text = (recipes_path() / "tiny" / "README.md").read_text()
    block = re.search(r"```bash\n(accelerate launch.*?)```", text, re.DOTALL).group(1)
    return shlex.split(block.replace("\\\n", " "))


def test_the_readme_command_trains_on_exactly_the_sampled_ids(folder, tmp_path):
    launch, *rest = readme_command()
    assert launch == "accelerate"
    at = rest.index("recipes/sft_compo.py")
    command = [sys.executable, "-m", "accelerate.commands.launch", *rest[1:at]]
    command += ["tests/record_labels.py", tmp_path / "batches.jsonl", *rest[at:]]
    command += ["--model_name_or_path", folder / "student", "--dataset_name", folder / "run"]
    command += ["--output_dir", tmp_path / "out", "--num_train_epochs", "1"]
    done = run(*command)
    assert done.returncode == 0, done.stderr[-2000:]
    rows = make_rows(make_tokenizer(), composites=8)
    assert sequences(tmp_path / "batches.jsonl") == wanted(rows)
    trained = sum(len(r["completion_ids"]) for r in rows)
    assert f"of which {trained} (" in done.stdout
    saved = {p.name for p in (tmp_path / "out").iterdir()}
    assert {"model.safetensors", "tokenizer.json", "chat_template.jinja"} <= saved
    generation = json.loads((tmp_path / "out" / "generation_config.json").read_text())
    assert generation["do_sample"] is True
    assert generation["temperature"] == 0.7


def test_packing_trains_on_the_same_ids(folder, tmp_path):
    done = run(
        *(sys.executable, "tests/record_labels.py", tmp_path / "b.jsonl", "recipes/sft_compo.py"),
        *("--config", "recipes/tiny/sft_control.yaml", "--num_train_epochs", "1"),
        *("--model_name_or_path", folder / "student", "--dataset_name", folder / "run"),
        *("--output_dir", tmp_path / "out", "--packing", "--max_length", "200"),
        *("--per_device_train_batch_size", "2"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    labels = []
    for line in (tmp_path / "b.jsonl").read_text().splitlines():
        batch = json.loads(line)
        assert len(batch["labels"]) == 1  # flattened, rows told apart by their positions
        run_ = []
        for position, label in zip(batch["position_ids"][0], batch["labels"][0], strict=True):
            if position == 0:
                labels.append(run_ := [])
            if label != -100:
                run_.append(label)
    rows = make_rows(make_tokenizer(), composites=8)
    assert sorted(labels) == sorted(r["completion_ids"] for r in rows)


def test_stock_trl_trains_on_the_same_labels_where_text_is_exact(folder, tmp_path):
    """With nothing of ours but the dataset; extra columns do not disturb it."""
    import trl.scripts.sft

    tokenizer = make_tokenizer()
    rows = make_rows(tokenizer, composites=8)
    exact = [
        r
        for r in rows
        if tokenizer(r["prompt"] + r["completion"])["input_ids"]
        == r["prompt_ids"] + r["completion_ids"]
    ]
    assert len(exact) == 16  # the others hold "1", "2" where the tokenizer has "12"
    write_sft_folder(tmp_path / "exact", exact)
    done = run(
        *(sys.executable, "tests/record_labels.py", tmp_path / "b.jsonl"),
        *(trl.scripts.sft.__file__, "--dataset_name", tmp_path / "exact"),
        *("--dataset_config", "sft_compo", "--model_name_or_path", folder / "student"),
        *("--output_dir", tmp_path / "out", "--max_length", "None", "--num_train_epochs", "1"),
        *("--use_cpu", "--bf16", "false", "--report_to", "none", "--save_strategy", "no"),
    )
    assert done.returncode == 0, done.stderr[-2000:]
    assert sequences(tmp_path / "b.jsonl") == wanted(exact)


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ["--max_lenght", "4096"],
            "unknown argument '--max_lenght'; fix: did you mean --max_length",
        ),
        (["--max_length", "40"], "longer than the 40 tokens allowed"),
        (["--packing"], "packing needs max_length"),
        (["--packing", "--packing_strategy", "wrapped"], "cuts traces into fragments"),
        (["--eval_strategy", "steps"], "eval_composites is 0 of 8"),
        (["--eval_composites", "2"], "eval_strategy is no"),
        (["--use_peft"], "pip install 'hf-lore[peft]'"),
        (["--dataset_config", "sft_none"], "sft_none"),
        (["--dataset_name", "/no/such"], "/no/such"),
        (["--model_name_or_path", "/no/such"], "/no/such is not a model"),
    ],
)
def test_bad_input_is_one_line(folder, tmp_path, flags, message, capsys, monkeypatch):
    """In process: seven imports of trl would take a minute."""
    import runpy

    if flags == ["--use_peft"]:
        # As where peft is not installed.
        monkeypatch.setattr("hf_lore.training.student.find_spec", lambda name: None)
    recipe = str(recipes_path() / "sft_compo.py")
    argv = [recipe, "--config", str(recipes_path() / "tiny" / "sft_compo.yaml")]
    argv += ["--dataset_name", str(folder / "run"), "--output_dir", str(tmp_path)]
    argv += ["--model_name_or_path", str(folder / "student"), *flags]
    before, sys.argv = sys.argv, argv
    try:
        with pytest.raises(SystemExit) as stopped:
            runpy.run_path(recipe, run_name="__main__")
    finally:
        sys.argv = before
    assert stopped.value.code == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("error: ")
    assert message in error


def test_every_recipe_yaml_is_read(folder):
    """All folders' SFT settings parse: no key that the installed trl does not know."""
    import runpy

    make_parser = runpy.run_path(str(recipes_path() / "sft_compo.py"))["make_parser"]
    files = sorted(recipes_path().glob("*/sft_*.yaml"))
    assert len(files) >= 3
    for file in files:
        argv = ["--config", str(file), "--dataset_name", "d", "--use_cpu"]
        data, _, training, _ = make_parser().parse([*argv, "--model_name_or_path", "m"])
        assert data.dataset_config == file.stem
        assert training.max_length is None or training.packing


def test_every_sample_yaml_is_read():
    from hf_lore.cli import make_parser
    from hf_lore.cli_config import apply_yaml

    files = sorted(recipes_path().glob("*/sample.yaml"))
    assert len(files) == 5
    for file in files:
        args = apply_yaml(make_parser(), ["sample", "--config", str(file), "--run", "r"])
        assert args.num_samples == 8
        assert args.temperature == (0.8 if "Phi-4" in str(file) else 0.6)
