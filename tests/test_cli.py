"""The command line as a user meets it: subprocesses, exit codes, one clear line on bad input."""

import json
import subprocess
import sys

import pytest

from hf_lore import __version__
from hf_lore.cli import main


def run(*args, cwd=None):
    return subprocess.run(
        [sys.executable, "-m", "hf_lore.cli", *map(str, args)],
        capture_output=True,
        text=True,
        timeout=300,
        cwd=cwd,
    )


def write(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


@pytest.fixture
def questions(tmp_path):
    rows = [
        {"problem": f"What is {i} + {j}?", "answer": str(i + j), "subject": "AB"[j % 2]}
        for i in range(4)
        for j in range(4)
    ]
    return write(tmp_path / "questions.jsonl", rows)


@pytest.fixture
def built(tmp_path, questions):
    assert main(["build", "compo", "--source", str(questions), "--out", str(tmp_path / "q")]) == 0
    return tmp_path / "q"


def test_version_and_help():
    assert run("--version").stdout.strip() == __version__
    assert "demo" in run("--help").stdout
    assert run("sample", "--help").returncode == 0


def test_build_records_what_it_left_out(tmp_path, questions):
    rows = [json.loads(line) for line in questions.read_text().splitlines()]
    rows += [{"problem": "No answer?", "answer": None, "subject": "A"}]
    source = write(tmp_path / "more.jsonl", rows)
    benchmark = write(tmp_path / "bench.jsonl", [{"problem": "What is 3 + 3?", "answer": None}])
    out = tmp_path / "built"
    found = run(
        "build",
        "compo",
        "--source",
        source,
        "--out",
        out,
        "--against",
        benchmark,
        "--drop-bad-rows",
        "--name",
        "tiny",
    )
    assert found.returncode == 0, found.stderr
    record = json.loads((out / "build.json").read_text())
    assert (record["rows_dropped"], record["overlaps_removed"]) == (1, 1)
    assert record["questions"] == 16
    assert record["composites"] == 7  # 15 questions left, 8 of one subject and 7 of the other
    assert "1 rows without problem or answer" in found.stdout
    from datasets import load_dataset

    assert len(load_dataset(str(out), "tiny", split="test", cache_dir=str(tmp_path / "c"))) == 7


def refuses(found, *says):
    """Exit code 2 and one line: what, why, the fix."""
    assert found.returncode == 2, found.stderr
    lines = found.stderr.strip().splitlines()
    assert len(lines) == 1, found.stderr
    assert "fix:" in lines[0]
    for text in says:
        assert text in lines[0]


@pytest.mark.parametrize(
    ("rows", "options", "says"),
    [
        ([], (), "no usable rows"),
        ([{"problem": "a", "answer": "1"}], (), "no column 'subject'"),
        ([{"text": "a", "answer": "1", "subject": "S"}], (), "no problem column"),
        ([{"problem": p, "answer": "1", "subject": "S"} for p in "ab"], (), "1 subject(s) ('S')"),
        ([{"problem": p, "answer": "\\frac{1", "subject": p} for p in "ab"], (), "do not verify"),
        ([{"problem": p, "answer": "1", "subject": p} for p in "ab"], ("--limit", 5), "only 1"),
        ([{"problem": p, "answer": None, "subject": p} for p in "ab"], (), "no usable answer"),
    ],
)
def test_build_refuses(tmp_path, rows, options, says):
    source = write(tmp_path / "s.jsonl", rows)
    found = run("build", "compo", "--source", source, "--out", tmp_path / "o", *options)
    refuses(found, says)
    assert not (tmp_path / "o").exists()


def test_sample_refuses_bad_input(tmp_path, built):
    empty = tmp_path / "empty-model"
    empty.mkdir()
    cases = [
        (("--model", "tiny", "-k", "0"), "num_samples (K) is 0"),
        (("--model", "tiny", "--temperature", "0"), "temperature is 0"),
        ((), "--model or --server"),
        (("--model", empty), "config.json"),
        (("--model", tmp_path / "none"), "none"),
        (("--server", "http://127.0.0.1:9", "--name", "m", "--tokenizer", "tiny"), "127.0.0.1:9"),
        (("--server", "http://127.0.0.1:9"), "--tokenizer"),
    ]
    for options, says in cases:
        found = run("sample", "--run", tmp_path / "run", "--questions", built, *options)
        refuses(found, says)
    refuses(run("sample", "--run", tmp_path / "r", "--questions", tmp_path / "no", "--model", "x"))
    refuses(run("sample", "--run", tmp_path / "nothing", "--model", "tiny"), "not a run directory")


def test_a_model_without_tokenizer(tmp_path, built):
    from model_fixtures import make_llama, make_tokenizer

    make_llama(make_tokenizer()).save_pretrained(tmp_path / "bare")
    found = run(
        "sample", "--run", tmp_path / "run", "--questions", built, "--model", tmp_path / "bare"
    )
    refuses(found, "tokenizer")


def test_build_replaces_only_what_it_wrote(tmp_path, questions):
    out = tmp_path / "runs"
    (out / "run1").mkdir(parents=True)
    (out / "run1" / "samples.sqlite").write_text("paid for")
    refuses(run("build", "compo", "--source", questions, "--out", out), "holds other files")
    assert (out / "run1" / "samples.sqlite").read_text() == "paid for"
    for _ in range(2):
        found = run("build", "compo", "--source", questions, "--out", tmp_path / "new")
        assert found.returncode == 0, found.stderr
    refuses(run("build", "compo", "--source", questions, "--out", questions), "is a file")


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("q.json", b'{"a": 1}', "not a list of rows"),
        ("q.jsonl", b"1\n", "row 1, is not an object"),
        ("q.jsonl", b'{"problem": "\xff"}\n', "not UTF-8"),
        ("q.parquet", b"no parquet", "not a Parquet file"),
        ("q.jsonl", b'{"problem": "p", "answer": "1", "subject": null}\n', "row without 'subject'"),
    ],
)
def test_unreadable_sources(tmp_path, name, content, says):
    (tmp_path / name).write_bytes(content)
    refuses(run("build", "compo", "--source", tmp_path / name, "--out", tmp_path / "o"), says)


def test_one_question_makes_no_pair(tmp_path):
    source = write(tmp_path / "one.jsonl", [{"problem": "p", "answer": "1"}])
    found = run(
        "build", "compo", "--source", source, "--out", tmp_path / "o", "--pair-by", "lexical"
    )
    refuses(found, "make no composite")


def test_a_path_that_cannot_be_written(tmp_path, questions):
    (tmp_path / "file").write_text("x")
    found = run("build", "compo", "--source", questions, "--out", tmp_path / "file" / "below")
    refuses(found, "the system refuses")


@pytest.mark.parametrize("verb", ["verify", "select", "laws"])
def test_stages_refuse_what_is_no_run(tmp_path, verb):
    refuses(run(verb, "--run", tmp_path), "not a run directory")


def test_options_from_yaml(tmp_path, questions):
    config = tmp_path / "build.yaml"
    config.write_text(f"source: {questions}\nlimit: 3\nmerge_algebra: true\nagainst: []\n")
    found = run("build", "compo", "--config", config, "--out", tmp_path / "o", "--limit", "2")
    assert found.returncode == 0, found.stderr
    record = json.loads((tmp_path / "o" / "build.json").read_text())
    assert (record["composites"], record["merge_algebra"]) == (2, True)
    config.write_text("sorce: x\n")
    refuses(
        run("build", "compo", "--config", config, "--out", tmp_path / "p"),
        "'sorce'",
        "did you mean source?",
    )
    config.write_text("merge_algebra: maybe\n")
    refuses(run("build", "compo", "--config", config, "--out", tmp_path / "p"), "true or false")
    refuses(run("build", "compo", "--config", tmp_path / "none.yaml", "--out", "x"), "cannot read")
    refuses(run("build", "compo", "--config"), "needs a file")
