"""docs/evidence.md and its tables elsewhere: made from the rows, and the rows are all there."""

import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.append(str(ROOT / "benchmarks"))

import evidence  # noqa: E402

from hf_lore.study import CENTRE  # noqa: E402
from hf_lore.study.rows import read_rows  # noqa: E402

RESULTS = read_rows(evidence.ROWS)


def test_the_centre_has_three_patients_ten_seeds_and_every_arm():
    cells = Counter((r.patient, r.arm) for r in RESULTS if r.setting == "centre")
    assert set(cells) == {(f"patient{p}", arm) for p in range(3) for arm in CENTRE.arms}
    assert set(cells.values()) == {10}


def test_every_table_is_that_of_the_rows():
    contents = evidence.sections(RESULTS)
    marked = Counter()
    for page in (ROOT / "README.md", *(ROOT / "docs").glob("*.md")):
        text = page.read_text(encoding="utf-8")
        assert evidence.filled(text, contents) == text, page
        marked.update(re.findall(r"<!-- evidence: (\w+) -->", text))
    assert marked == dict.fromkeys(contents, 1)


def test_sft_dpo_and_grpo_have_three_seeds_of_the_patient_that_ships():
    cells = Counter((r.patient, r.arm) for r in evidence.among_ways(RESULTS))
    assert {cells["patient0", arm] for arm in evidence.WAYS} == {3}


def test_every_factor_that_the_page_names_was_varied():
    found = {r.setting for r in RESULTS}
    page = (ROOT / "docs" / "evidence.md").read_text(encoding="utf-8")
    for settings in evidence.AXES.values():
        done = [s for s in settings.values() if s in found]
        assert len(done) >= 2, settings
        assert all(f"`{s}`" in page for s in settings.values() if s not in found)


def test_its_commands_run_and_begin_nothing_when_their_time_is_up(tmp_path):
    script = [sys.executable, str(ROOT / "benchmarks" / "evidence.py"), "--out", str(tmp_path)]
    for more in (["--minutes", "0", "--workers", "1"], ["--rows", str(tmp_path / "rows.csv")]):
        small = ["--patients", "1", "--seeds", "1", "--centre-only"]
        done = subprocess.run(
            [*script, *small, *more], capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr[-2000:]
    assert {p.name for p in tmp_path.iterdir()} == {"study.json", "rows.csv"}
    assert read_rows(tmp_path / "rows.csv") == []
