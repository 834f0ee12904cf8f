"""The commands of README and docs, run as they are printed, in their order, with small things in
place of large ones: the tiny reasoner for models, a few questions for data sets, fake servers.

docs/hub.md has a test of its own; Slurm and Ray are in test_scale.py, training in test_recipe_*.py.
"""

import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest

from fake_server import FakeServer
from hf_lore.tiny import tiny_path
from hub_fixtures import ROOT, tiny_questions_file
from model_fixtures import make_tokenizer

pytestmark = pytest.mark.slow

MODEL = "deepseek-ai/DeepSeek-R1-Distill-Qwen-1.5B"


@pytest.fixture(scope="module")
def place(tmp_path_factory):
    """A folder with what the commands name, and the words that stand for large things."""
    folder = tmp_path_factory.mktemp("docs")
    tiny_questions_file(folder / "questions.jsonl", 48)
    tiny_questions_file(folder / "math500.jsonl", 8, seed=5)
    tiny_questions_file(folder / "math_train.jsonl", 48, seed=6)
    make_tokenizer().save_pretrained(folder / "tokenizer")
    (folder / "dataset_scripts").symlink_to(ROOT / "dataset_scripts")
    tokenizer = make_tokenizer()
    with (
        FakeServer(tokenizer, "vllm") as vllm,
        FakeServer(tokenizer, "vllm") as other,
        FakeServer(tokenizer, "tgi") as tgi,
    ):
        words = {
            "HuggingFaceH4/MATH-500": "questions.jsonl",
            f"--model {MODEL}": f"--model {tiny_path()} --max-new-tokens 320 --instruction none",
            "http://127.0.0.1:8000/v1": f"{vllm.url}/v1",
            "http://127.0.0.1:8000": vllm.url,
            "http://127.0.0.1:8080": tgi.url,
            "http://node1:8000": vllm.url,
            "http://node2:8000": other.url,
            "--tokenizer org/my-model": "--tokenizer tokenizer --max-new-tokens 60",
            "--tokenizer org/model": "--tokenizer tokenizer --max-new-tokens 60",
            "--name org/my-model": "--name tiny",
            "--name org/model": "--name tiny",
            "-k 8": "-k 4",
            "--limit 1000": "--limit 10",
            "demo --study": "demo --study --quick --seeds 1 --out study",
            "--instances 100": "--instances 2",
            "--questions lore-compo": "--questions small",
            "--run bench/r1/compo": "--run bench/tiny/compo",
        }
        yield folder, words


def commands(page: str) -> list[str]:
    text = (ROOT / page).read_text(encoding="utf-8")
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    lines = "\n".join(blocks).replace("\\\n", " ").splitlines()
    return [line for line in lines if line.startswith("hf-lore ")]


def run(place, command):
    folder, words = place
    for large, small in words.items():
        command = command.replace(large, small)
    assert "org/" not in command, command
    done = subprocess.run(
        [sys.executable, "-m", "hf_lore.cli", *shlex.split(command, comments=True)[1:]],
        cwd=folder,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, f"{command}\n{done.stdout[-1500:]}{done.stderr[-2500:]}"
    return done.stdout


def test_readme(place):
    found = commands("README.md")
    verbs = [shlex.split(c)[1] for c in found]
    assert verbs == [
        "demo", "build", "sample", "verify", "select", "laws", "sample", "sample", "probe", "build",
    ]  # fmt: skip
    out = [run(place, command) for command in found]
    folder, _ = place
    assert "| sft_compo |" in out[0]
    assert "selected" in out[4]
    assert "nmad" in out[5].lower()
    assert (folder / "runs" / "r1" / "dataset" / "sft_compo").is_dir()
    assert all("0 refused" in text for text in (out[2], out[6], out[7]))


def test_lore_mono(place):
    for command in commands("docs/lore-mono.md"):
        run(place, command)
    folder, _ = place
    assert (folder / "lore-mono" / "code").is_dir()


def test_bench_and_plan(place):
    wanted = [c for c in commands("docs/bench.md") if " tiny " in c or c.startswith("hf-lore plan")]
    assert len(wanted) == 3
    for command in wanted:
        run(place, command)
    folder, _ = place
    assert (folder / "bench" / "tiny" / "laws.json").is_file()


def test_the_local_executor(place):
    run(place, "hf-lore build compo --source questions.jsonl --out small --limit 8")
    (command,) = [c for c in commands("docs/sampling.md") if "--executor local" in c]
    assert "4 shard(s)" in run(place, command)


def test_report(place):
    (command,) = [c for c in commands("docs/report.md") if c.startswith("hf-lore report")]
    names = ["eval/base", "eval/sft_control", "eval/sft_compo"]
    folder, _ = place
    run(place, "hf-lore build compo --source questions.jsonl --out for-report --limit 8")
    for number, name in enumerate(names):
        assert name in command
        again = f"--model {tiny_path()} --max-new-tokens 320 --seed {number} --instruction none"
        run(place, f"hf-lore sample --questions for-report --run {name} -k 2 {again}")
        for verb in ("verify", "laws"):
            run(place, f"hf-lore {verb} --run {name}")
    run(place, command)
    assert (folder / "report.html").stat().st_size > 10_000
    assert list((folder / "plots").glob("*.png"))
    assert Path(folder / "plots").is_dir()
