"""`hf-lore bench` as a user runs it: the tiny reasoner, a server, resumed, and bad input."""

import json
import shutil
import sqlite3
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from fake_server import FakeServer
from hf_lore.bench import _add_earlier, _Summary
from hf_lore.chained import build_chained
from hf_lore.cli import main
from hf_lore.errors import ConfigError
from hf_lore.question_sets import (
    lore_mono,
    paper_composites,
    paper_mono,
    read_question_set,
    tiny_mono,
)
from hf_lore.question_table import write_items
from hf_lore.questions import Composite
from hf_lore.run import Run
from hf_lore.sampling.store import SampleStore
from hf_lore.scoring import load_question_scores, load_scores
from hf_lore.tiny import tiny_path, tiny_questions
from hf_lore.tiny.world import solve
from hf_lore.verification.verdict_store import VerdictStore
from model_fixtures import make_tokenizer
from scripted import ScriptedSampler

DATA = Path(__file__).parents[1].parent / "shared" / "data"
SMALL = ["--composites", "4", "--instances", "1", "-k", "2"]


def write(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return path


def refuses(capsys, *argv):
    capsys.readouterr()
    assert main([*map(str, argv)]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert error.startswith("hf-lore: ")
    assert "fix:" in error
    return error


@pytest.fixture(scope="module")
def benched(tmp_path_factory):
    out = tmp_path_factory.mktemp("bench") / "tiny"
    command = [sys.executable, "-m", "hf_lore.cli", "bench", "tiny", "--out", str(out), *SMALL]
    found = subprocess.run(command, capture_output=True, text=True, timeout=300)
    assert found.returncode == 0, found.stderr[-3000:]
    return out, found


def test_lore_end_to_end(benched):
    out, found = benched
    # What it will cost is said before the first set is finished.
    lines = found.stderr.splitlines()
    costs = [i for i, line in enumerate(lines) if "draws = " in line or "tokens each" in line]
    done = [i for i, line in enumerate(lines) if "samples drawn" in line]
    assert len(costs) == 4
    assert len(done) == 2
    assert max(costs) < min(done)
    assert "compo: 12 questions × 2 draws = 24 samples, at most 7,680 tokens" in found.stderr
    assert "mono: 24 questions × 2 draws = 48 samples" in found.stderr
    for heading in ("LORE-Compo", "LORE-Mono", "nmad_compute_limit", "R1-Distill-Qwen-1.5B"):
        assert heading in found.stdout
    assert (out / "table.md").read_text() in found.stdout
    laws = json.loads((out / "laws.json").read_text())
    assert (laws["suite"], set(laws)) == ("lore", {"suite", "compo", "mono"})
    assert load_scores(Run.open(out / "compo")).to_json() == laws["compo"] or laws["compo"]
    mono = load_question_scores(Run.open(out / "mono"))
    assert set(mono.groups) == {"math", "language", "science", "code", "overall"}
    assert mono.get("rho_compute").n + mono.get("rho_compute").excluded == 4
    page = (out / "report.html").read_text()
    assert "tiny-reasoner" in page
    assert "report.html: traces of 4 of 4 composites" in found.stderr
    # Steps and operations are one in the tiny world, so are their slopes.
    assert mono.get("alpha_ops").value == pytest.approx(mono.get("alpha_steps").value)


def test_again_costs_nothing_and_changes_nothing(benched, capsys):
    out, _ = benched
    before = {p: p.read_bytes() for p in (out / "laws.json", out / "table.md")}
    assert main(["bench", "tiny", "--out", str(out), *SMALL]) == 0
    error = capsys.readouterr().err
    assert "all 24 samples are held already" in error
    assert "compo: 0 samples drawn, 24 held already" in error
    assert {p: p.read_bytes() for p in before} == before


def test_it_goes_on_after_a_loss(benched, tmp_path, capsys):
    """Half of the samples gone: drawn again with the same seeds, to the same scores."""
    whole, _ = benched
    out = tmp_path / "torn"
    shutil.copytree(whole, out)
    shutil.rmtree(out / "mono" / "samples")
    shutil.rmtree(out / "mono" / "verdicts")
    assert main(["bench", "tiny", "--out", str(out), *SMALL]) == 0
    assert "mono: 24 samples drawn, 24 held already" in capsys.readouterr().err
    texts = []
    for folder in (whole, out):
        run = Run.open(folder / "mono")
        with SampleStore(run.samples, run.manifest.fingerprint, read_only=True) as store:
            texts.append({s.key: s.text for s in store})
    assert texts[0] == texts[1]
    assert (out / "laws.json").read_bytes() == (whole / "laws.json").read_bytes()


def test_other_settings_are_refused(benched, capsys):
    out, _ = benched
    error = refuses(capsys, "bench", "tiny", "--out", out, *SMALL, "--temperature", "0.5")
    assert "params.temperature: 1.0 → 0.5" in error
    error = refuses(capsys, "bench", "tiny", "--out", out, *SMALL[:4], "-k", "3")
    assert "num_samples: 2 → 3" in error


def test_one_set_alone_keeps_the_other_in_the_summary(benched, tmp_path, capsys):
    whole, _ = benched
    out = tmp_path / "kept"
    shutil.copytree(whole, out)
    for name in ("laws.json", "table.md", "report.html"):
        (out / name).unlink()
    assert main(["bench", "tiny", "--out", str(out), *SMALL, "--only", "compo"]) == 0
    assert "mono: not asked now, its scores of before stay" in capsys.readouterr().err
    for name in ("laws.json", "table.md", "report.html"):
        assert (out / name).read_bytes() == (whole / name).read_bytes(), name

    # The other suite in the same folder: all three sets.
    easy = tiny_questions(4, seed=5, subjects=("arithmetic",), min_steps=2, max_steps=6)
    (tmp_path / "files").mkdir()
    rows = [{"problem": q.prompt, "answer": q.gold[0]} for q in easy]
    write(tmp_path / "files" / "gsm8k.jsonl", rows)
    math = ["--suite", "math", "--files", str(tmp_path / "files"), "--benchmarks", "gsm8k"]
    assert main(["bench", "tiny", "--out", str(out), *math]) == 0
    laws = json.loads((out / "laws.json").read_text())
    assert list(laws) == ["suite", "compo", "mono", "gsm8k"]
    assert laws["suite"] == "lore and math"
    assert "| gsm8k | 4 |" in (out / "table.md").read_text()
    assert (whole / "table.md").read_text().rstrip() in (out / "table.md").read_text()

    # What nobody has scored, or another model answered, is no part of this one's summary.
    (out / "mono" / "laws.json").unlink()
    capsys.readouterr()
    assert main(["bench", "tiny", "--out", str(out), *math]) == 0
    assert "mono: left out of the summary: it has no scores yet; fix:" in capsys.readouterr().err
    assert list(json.loads((out / "laws.json").read_text())) == ["suite", "compo", "gsm8k"]
    found = _Summary()
    _add_earlier(found, out, ScriptedSampler(make_tokenizer(), {}))
    assert found.names() == []
    assert "compo: left out of the summary: it was asked of hf-lore/tiny" in capsys.readouterr().err


def test_a_database_locked_in_the_middle_is_one_line(benched, tmp_path, monkeypatch, capsys):
    run = tmp_path / "mono"
    shutil.copytree(benched[0] / "mono", run)
    shutil.rmtree(run / "verdicts")
    others = []

    def add(self, *what):
        others.append(sqlite3.connect(run / "verdicts" / "verdicts.sqlite"))
        others[-1].execute("BEGIN EXCLUSIVE")
        return real(self, *what)

    real = VerdictStore.add
    monkeypatch.setattr(VerdictStore, "add", add)
    error = refuses(capsys, "verify", "--run", run)
    assert "database is locked: another process holds a file of the run; fix: wait" in error
    others[0].close()
    monkeypatch.undo()
    assert main(["verify", "--run", str(run)]) == 0


def test_other_database_errors_keep_their_traceback(benched, tmp_path, monkeypatch):
    def counts(self):
        return self._db.execute("SELECT status FROM nowhere")

    monkeypatch.setattr(VerdictStore, "counts", counts)
    with pytest.raises(sqlite3.OperationalError, match="no such table"):
        main(["verify", "--run", str(benched[0] / "mono")])


def test_a_single_run_is_scored_again_by_its_own_verb(benched, capsys):
    out, _ = benched
    assert main(["laws", "--run", str(out / "mono")]) == 0
    assert "α tokens/step" in capsys.readouterr().out
    assert main(["plan", "--difference", "0.1", "--run", str(out / "compo")]) == 0
    assert "cheapest" in capsys.readouterr().out


def test_a_server_is_asked_in_the_models_place(tmp_path, capsys):
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(tiny_path())
    with FakeServer(tokenizer) as server:
        options = ["--name", "tiny", "--tokenizer", "tiny", "--only", "mono", "--instruction"]
        sets = ["none", "--mono", str(tmp_path / "mono"), "--preset", "tiny", "-k", "2"]
        write_mono(tmp_path / "mono")
        argv = ["bench", server.url, "--out", str(tmp_path / "out"), *options, *sets]
        assert main(argv) == 0, capsys.readouterr().err
        asked = len(server.requests)
        assert asked > 0
    assert "LORE-Mono" in capsys.readouterr().out
    assert Run.open(tmp_path / "out" / "mono").manifest.model == "tiny"
    assert not (tmp_path / "out" / "compo").exists()


def write_mono(folder, **edits):
    """A lore-mono folder as it is published, of questions the tiny reasoner's tokenizer knows."""
    from datasets import Dataset

    from hf_lore.builders import LORE_MONO_FEATURES
    from hf_lore.hub_layout import write_dataset_folder

    rows = [
        {
            "id": q.id,
            "domain": q.domain,
            "family": q.subject.partition("/")[0],
            "family_version": 1,
            "instance": int(q.subject.partition("/")[2]),
            "seed": 0,
            "n_steps": q.n_steps,
            "reference_ops": q.reference_ops,
            "problem": q.prompt,
            "answer": list(q.gold),
            "answer_types": list(q.answer_types),
            **edits,
        }
        for q in tiny_mono((1, 3, 5), instances=2)
    ]
    write_dataset_folder(
        folder,
        {"all": Dataset.from_list(rows, features=LORE_MONO_FEATURES)},
        split="test",
        body="",
        default="all",
        pretty_name="LORE-Mono",
        tags=(),
    )


def test_published_mono_is_read_as_series(tmp_path):
    write_mono(tmp_path / "mono")
    found = read_question_set(str(tmp_path / "mono"))
    assert {q.id for q in found} == {q.id for q in tiny_mono((1, 3, 5), instances=2)}
    assert len({q.subject for q in found}) == 8
    assert len({(q.subject, q.n_steps) for q in found}) == len(found) == 24
    write_mono(tmp_path / "edited", answer=["7"])
    with pytest.raises(ConfigError, match="was edited"):
        read_question_set(str(tmp_path / "edited"))


def test_series_apply_the_first_n_operations():
    for question in tiny_mono((2, 5), instances=3, seed=1):
        plain = replace(question, subject=question.subject.partition("/")[0])
        operations, states = solve(plain)
        assert (len(operations), states[-1]) == (question.n_steps, question.gold[0])
    short, long = tiny_mono((2, 5), instances=1, seed=1)[:2]
    assert long.prompt.startswith(short.prompt[:-1])


def test_lore_mono_made_here_has_a_series_for_each_instance():
    found = lore_mono((1, 30), instances=2, domain="code")
    assert len({(q.domain, q.subject, q.n_steps) for q in found}) == len(found)
    assert all(q.reference_ops > 0 for q in found)


def official(folder):
    """Files in the paper's form: two triplets, two series."""
    folder.mkdir()
    rows = []
    for i in (0, 2):
        for j in (i, i + 1):
            sub = {"type": "sub", "index": j, "subject": f"S{j}", "level": 3}
            rows.append({**sub, "problem": f"What is {j} + 1?", "answer": str(j + 1)})
        both = f"Answer the following questions in order:\nQ1. {i}\nQ2. {i + 1}"
        pair = {"type": "pair", "index": [i, i + 1], "problem": both}
        rows.append({**pair, "answer": [str(i + 1), str(i + 2)]})
    write(folder / "lore_compo_official.jsonl", rows)
    for name, golds in (("math-a", [3, 4]), ("code-b", ["0,1", "1,2"]), ("language-c", "ab")):
        series = [
            {"idx": n, "type": "t", "task": f"{name} {n}?", "gt_ans": g}
            for n, g in enumerate(golds, 11)
        ]
        write(folder / f"linear-mono-{name}.jsonl", series)
    return folder


def test_the_papers_files(tmp_path, capsys):
    folder = official(tmp_path / "official")
    composites = paper_composites(folder)
    assert [c.composed.gold for c in composites] == [("1", "2"), ("3", "4")]
    assert composites[0].parts[0].subject == "S0"
    write_items(tmp_path / "c.parquet", composites)
    mono = paper_mono(folder)
    assert {(q.domain, q.answer_types[0]) for q in mono} == {
        ("math", "int"), ("code", "seq"), ("language", "str")
    }  # fmt: skip
    assert {q.n_steps for q in mono} == {11, 12}
    rows = (folder / "lore_compo_official.jsonl").read_text().splitlines()
    (folder / "lore_compo_official.jsonl").write_text("\n".join(rows[1:]) + "\n")
    error = refuses(capsys, "bench", "tiny", "--paper-files", folder, "--out", tmp_path / "o")
    assert "rows 1 to 3" in error


@pytest.fixture(scope="module")
def byte_tokenizer(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tokenizer")
    make_tokenizer().save_pretrained(folder)
    return folder


def test_the_papers_settings_on_the_papers_files(tmp_path, byte_tokenizer, capsys):
    folder = official(tmp_path / "official")
    with FakeServer(make_tokenizer()) as server:
        argv = ["bench", server.url, "--name", "tiny", "--tokenizer", str(byte_tokenizer)]
        argv += ["--preset", "paper", "--paper-files", str(folder), "--out", str(tmp_path / "out")]
        assert main(argv) == 0, capsys.readouterr().err
    manifest = Run.open(tmp_path / "out" / "compo").manifest
    assert (manifest.num_samples, manifest.params.temperature) == (8, 0.6)
    assert manifest.params.max_new_tokens == 20_480
    assert manifest.instruction == "default"
    assert manifest.built["source"] == "the paper's own files"
    printed = capsys.readouterr().out
    assert "| nmad_compute |" in printed
    assert "| science |" not in printed
    mono = load_question_scores(Run.open(tmp_path / "out" / "mono"))
    assert {p.n_draws for p in mono.points} == {8}
    # The paper's files state no operations, so nothing is fitted to them.
    assert mono.get("alpha_ops") is None
    assert mono.get("alpha_steps") is not None


def test_accuracy_at_the_papers_settings(tmp_path, byte_tokenizer, capsys):
    rows = [{"problem": f"What is {i} + 1?", "answer": str(i % 5)} for i in range(6)]
    write(tmp_path / "aime24.jsonl", rows)
    with FakeServer(make_tokenizer()) as server:
        argv = ["bench", server.url, "--suite", "math", "--name", "tiny"]
        argv += ["--tokenizer", str(byte_tokenizer), "--files", str(tmp_path)]
        argv += ["--benchmarks", "aime24", "--problems", "5", "--out", str(tmp_path / "out")]
        assert main(argv) == 0, capsys.readouterr().err
    manifest = Run.open(tmp_path / "out" / "aime24").manifest
    assert (manifest.params.max_new_tokens, manifest.params.temperature) == (10_240, 0.6)
    assert manifest.instruction is None  # the prompt brings its own
    run = Run.open(tmp_path / "out" / "aime24")
    with SampleStore(run.samples, run.manifest.fingerprint, read_only=True) as store:
        for prompt in store.prompts():
            assert "the final answer is: $\\boxed{ANSWER}$. I hope it is correct" in prompt.text
    assert "| aime24 | 5 | 8 |" in capsys.readouterr().out


@pytest.mark.skipif(not DATA.is_dir(), reason="the paper's own files are not here")
def test_the_papers_real_files():
    composites, mono = paper_composites(DATA), paper_mono(DATA)
    assert (len(composites), len(mono)) == (250, 1210)
    assert all(isinstance(c, Composite) and len(c.parts) == 2 for c in composites)
    assert len({q.subject for q in mono}) == 40
    assert len({(q.subject, q.n_steps) for q in mono}) == 1210


def test_composites_that_cannot_be_scored_are_not_drawn(tmp_path, capsys):
    chained = build_chained(tiny_mono([1, 2], instances=1), limit=2)
    write_items(tmp_path / "test.parquet", chained)
    out = tmp_path / "out"
    says = refuses(capsys, "bench", "tiny", "--only", "compo", "--compo", tmp_path, "--out", out)
    assert "chained" in says
    assert not out.exists()


@pytest.mark.parametrize(
    ("argv", "says"),
    [
        (("tiny", "http://127.0.0.1:9"), "a model and a server at once"),
        (("one", "two"), "2 models at once"),
        (("http://127.0.0.1:9", "--only", "mono"), "--tokenizer"),
        (("tiny", "-k", "0"), "num_samples (K) is 0"),
        (("tiny", "--temperature", "0"), "temperature is 0"),
        (("tiny", "--composites", "0"), "composites is 0"),
        (("tiny", "--instances", "-1"), "instances is -1"),
        (("tiny", "--preset", "paper"), "values from 1 to 6"),
        (("tiny", "--compo", "no/such folder"), "cannot load questions"),
        (("tiny", "--paper-files", "nowhere"), "not a folder"),
        (("tiny", "--only", "compo", "--problems", "3"), "--problems would change nothing"),
        (("tiny", "--suite", "math", "--paper-files", "x"), "--paper-files would change nothing"),
        (("tiny", "--paper-files", "x", "--source", "y"), "sets of their own"),
        (("tiny", "--source", "none.jsonl"), "none.jsonl"),
        (("tiny", "--suite", "math", "--benchmarks", "gsm9k"), "no benchmark 'gsm9k'"),
        (("tiny", "--suite", "math", "--files", "nowhere"), "not a folder"),
        (("tiny", "--suite", "math", "--files", "."), "has no gsm8k.jsonl"),
    ],
)
def test_bad_input_is_one_line_and_draws_nothing(tmp_path, monkeypatch, capsys, argv, says):
    monkeypatch.chdir(tmp_path)
    assert says in refuses(capsys, "bench", *argv, "--out", tmp_path / "out")
    assert not (tmp_path / "out").exists()
