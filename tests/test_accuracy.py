"""The accuracy benchmarks: rows of every source read right, golds checked, and end to end."""

import json
from pathlib import Path

import pytest

from hf_lore.accuracy import BENCHMARKS, load_benchmark, local_file
from hf_lore.cli import main
from hf_lore.errors import ConfigError
from hf_lore.run import Run
from hf_lore.scoring import load_question_scores
from hf_lore.tiny import tiny_questions

DATA = Path(__file__).parents[1].parent / "shared" / "data"


def write(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows), encoding="utf-8")
    return str(path)


def load(tmp_path, name, rows, **options):
    return load_benchmark(name, source=write(tmp_path / f"{name}.jsonl", rows), **options)


def test_golds_of_every_form(tmp_path):
    rows = [
        {"question": "Worked?", "answer": "It is 2 + 3 = <<2+3=5>>5.\n#### 1,234"},
        {"question": "Negative?", "answer": "So\n#### -12"},
        {"question": "Float?", "answer": 27.0},
        {"question": "Half?", "answer": 0.5},
        {"question": "Zeros?", "answer": "025"},
        {"question": "A pair?", "answer": "(1,2)"},
        {"question": "A list?", "answer": ["$1,3$"]},
        {"question": "None?", "answer": None},
        {"question": "Empty?", "answer": []},
        {"question": "Broken?", "answer": "\\frac{1}{"},
    ]
    found = load(tmp_path, "gsm8k", rows)
    golds = [q.gold[0] for q in found.questions]
    assert golds == ["1234", "-12", "27", "0.5", "025", "(1,2)", "$1,3$"]
    assert (found.without_answer, found.bad_golds) == (2, ("\\frac{1}{",))
    assert found.left_out == "2 rows without an answer, 1 golds that do not verify"


def test_only_english_text_with_an_answer_is_asked(tmp_path):
    base = {"question": "x?", "final_answer": ["$1$"], "language": "English"}
    rows = [
        {**base, "modality": "Text-only", "question_type": "Open-ended"},
        {**base, "question": "y?", "language": "Chinese"},
        {**base, "question": "z?", "modality": "Multimodal"},
        {**base, "question": "w?", "question_type": "Theorem proof"},
    ]
    found = load(tmp_path, "olympiadbench", rows)
    assert (len(found.questions), found.not_asked) == (1, 3)


def test_prompts(tmp_path):
    row = {"problem": "How many?", "answer": "7"}
    asked = {
        style: load(tmp_path, "aime24", [row], prompt=style).questions[0].prompt
        for style in ("lighteval", "boxed", "none")
    }
    assert asked["none"] == "How many?"
    assert asked["boxed"] == (
        "How many?\n\nPlease reason step by step, and put your final answer within \\boxed{}."
    )
    assert asked["lighteval"].startswith("Solve the following math problem efficiently and")
    assert asked["lighteval"].endswith("before answering.\n\nHow many?")
    assert "$\\boxed{ANSWER}$" in asked["lighteval"]
    # Whatever is put around it is part of what is asked.
    assert len({load(tmp_path, "aime24", [row], prompt=s).questions[0].id for s in asked}) == 3


@pytest.mark.parametrize(
    ("row", "says"),
    [
        ({"answer_type": "Numerical"}, "should be a numerical value. "),
        ({"answer_type": "Tuple"}, "competition. Please calculate"),
        (
            {"answer_type": "Numerical", "is_multiple_answer": True},
            "multiple answers, each of them should be a numerical value. ",
        ),
        (
            {"answer_type": "Numerical,Interval", "is_multiple_answer": True},
            "in order being a numerical value, an interval. ",
        ),
        ({"answer_type": "Numerical", "unit": "cm"}, "unit of the answer should not be included"),
    ],
)
def test_olympiadbench_says_what_the_answer_is(tmp_path, row, says):
    found = load(tmp_path, "olympiadbench", [{"problem": "x?", "final_answer": ["1"], **row}])
    assert says in found.questions[0].prompt
    assert found.questions[0].prompt.endswith("\nx?")


def test_what_cannot_be_asked_is_said(tmp_path):
    for rows, says in (
        ([{"problem": "x?", "answer": None}], "nothing to ask .1 rows without an answer"),
        ([{"text": "x?", "answer": "1"}], "without problem text"),
        ([], "no rows"),
    ):
        with pytest.raises(ConfigError, match=says):
            load(tmp_path, "gsm8k", rows)
    with pytest.raises(ConfigError, match="limit is 0"):
        load(tmp_path, "gsm8k", [{"problem": "x?", "answer": "1"}], limit=0)


@pytest.mark.skipif(not DATA.is_dir(), reason="the benchmarks' files are not here")
@pytest.mark.parametrize(
    ("name", "problems", "bad"),
    [("math500", 500, 0), ("aime24", 30, 0), ("amc23", 40, 0), ("olympiadbench", 675, 4)],
)
def test_every_real_gold_verifies_or_is_counted(name, problems, bad):
    found = load_benchmark(name, source=str(local_file(DATA, name)))
    assert (len(found.questions), len(found.bad_golds)) == (problems - bad, bad)
    assert found.without_answer == 0


@pytest.mark.skipif(not DATA.is_dir(), reason="the benchmarks' files are not here")
def test_a_file_without_answers_is_refused():
    with pytest.raises(ConfigError, match="1319 rows without an answer"):
        load_benchmark("gsm8k", source=str(local_file(DATA, "gsm8k")))


def test_six_benchmarks_end_to_end(tmp_path, capsys):
    """All six from local files of questions that the tiny reasoner understands."""
    files = tmp_path / "files"
    files.mkdir()
    easy = tiny_questions(24, seed=5, subjects=("arithmetic",), min_steps=2, max_steps=6)
    for i, name in enumerate(BENCHMARKS):
        rows = [{"problem": q.prompt, "answer": q.gold[0]} for q in easy[4 * i : 4 * i + 4]]
        rows += [{"problem": "No answer.", "answer": None}] if name == "gsm8k" else []
        prefix = "bench_" if i % 2 else ""
        write(files / f"{prefix}{name}.jsonl", rows)
    out = tmp_path / "out"
    argv = ["bench", "tiny", "--suite", "math", "--files", str(files), "--out", str(out)]
    assert main(argv) == 0
    printed = capsys.readouterr()
    assert "gsm8k: left out 1 rows without an answer" in printed.err
    for name in BENCHMARKS:
        assert f"| {name} | 4 | 4 |" in printed.out
    assert "mean of 6" in printed.out
    assert "| R1-Distill-Qwen-1.5B | 47.6 | 49.3 | 52.4 |" in printed.out
    laws = json.loads((out / "laws.json").read_text())
    assert set(laws) == {"suite", *BENCHMARKS}
    built = Run.open(out / "gsm8k").manifest.built
    assert (built["source"], built["left_out"]) == ("gsm8k.jsonl", "1 rows without an answer")
    found = load_question_scores(Run.open(out / "aime24"))
    right = [p.n_correct / p.n_draws for p in found.points]
    assert found.get("pass@1").value == pytest.approx(sum(right) / 4)
    assert found.get("pass@4").value == pytest.approx(sum(r > 0 for r in right) / 4)
    # Once more: nothing is drawn, the table is the same.
    assert main(argv) == 0
    again = capsys.readouterr()
    assert again.out == printed.out
    assert again.err.count("0 samples drawn, 16 held already") == 6
    # One benchmark of the six goes on in the same folder; the others stay in the table.
    assert main([*argv, "--benchmarks", "amc23"]) == 0
    alone = capsys.readouterr()
    assert alone.out == printed.out
    assert alone.err.count("not asked now, its scores of before stay") == 5
