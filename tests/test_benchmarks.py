"""What `make bench` gathers: ratios that say whether their bound was met, in one table."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

import all as every  # noqa: E402
from ratio import print_ratio, ratio_rows  # noqa: E402


@pytest.mark.parametrize(
    ("ratio", "bound", "said"),
    [
        (20.04, {"at_least": 20}, "| 20 | at least 20 | met |"),
        (19.9, {"at_least": 20}, "| 19.9 | at least 20 | **missed** |"),
        (1.02, {"at_most": 1.1, "spread": (0.9, 1.3)}, "| 1.02 (0.9, 1.3) | at most 1.1 | met |"),
        (1.2, {"at_most": 1.1}, "| 1.2 | at most 1.1 | **missed** |"),
    ],
)
def test_a_ratio_says_whether_its_bound_was_met(ratio, bound, said, capsys):
    print_ratio("ours", "theirs", ratio, **bound)
    printed = capsys.readouterr().out
    assert ratio_rows(f"some lines\n{printed}| a | table |\n") == [f"| ours | theirs {said}"]


def test_the_table_stands_between_its_marks():
    page = "a\n<!-- speed -->\nold\n<!-- end of speed -->\nb\n"
    assert every.with_table(page, "new") == page.replace("old", "new")
    assert every.with_table("no marks", "new") == "no marks"


def test_every_benchmark_with_a_ratio_is_among_all():
    assert set(every.RATIOS) <= set(every.RUNS)
    for script, *_ in (*every.RUNS.values(), *every.RATIOS.values()):
        text = (ROOT / "benchmarks" / script).read_text(encoding="utf-8")
        assert "__main__" in text
    with_ratio = {
        path.name
        for path in (ROOT / "benchmarks").glob("*.py")
        if "print_ratio(" in path.read_text(encoding="utf-8")
    } - {"ratio.py"}
    assert with_ratio == {script for script, *_ in every.RATIOS.values()}


def test_a_benchmark_prints_its_ratio():
    small = ["--rows", "10000", "--draws", "64", "--sample", "2"]
    done = subprocess.run(
        [sys.executable, "benchmarks/bootstrap.py", *small],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    (row,) = ratio_rows(done.stdout)
    assert row.startswith("| bootstrap of the laws, 10,000 triplets, 64 draws | vectorised numpy")
