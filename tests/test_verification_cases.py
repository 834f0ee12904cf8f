r"""Cases as data: tests/cases/*.json, each row a text, a gold, the verdict it must get, its source.

A disagreement, once found, becomes a row. In adversarial.json a text is a list of segments, each a
string or a string and how often it is repeated; "not correct" allows any other status.
"""

import json
import resource
import sys
import time
from pathlib import Path

import pytest

from hf_lore.verification import GradeItem, grade, grade_many
from hf_lore.verification.pool import WorkerPool

CASES = Path(__file__).parent / "cases"
TYPED = json.loads((CASES / "typed.json").read_text())
COMPOSITES = json.loads((CASES / "composites.json").read_text())
ADVERSARIAL = json.loads((CASES / "adversarial.json").read_text())
DEADLINE_S = 1.0


def check(rows, items):
    # Rules are tested here, not speed: a busy machine must not turn a verdict into timed_out.
    verdicts = grade_many(items, num_workers=2, timeout_s=30.0)
    return [
        (row["gold"], row["text"], row["verdict"], verdict.status, verdict.answers)
        for row, verdict in zip(rows, verdicts, strict=True)
        if verdict.status != row["verdict"]
    ]


def test_typed_answers():
    assert check(TYPED, [GradeItem(r["text"], r["gold"], [r["type"]]) for r in TYPED]) == []


def test_composites():
    items = [GradeItem(r["text"], r["gold"], r.get("types")) for r in COMPOSITES]
    assert check(COMPOSITES, items) == []


def test_every_case_says_where_it_is_from():
    assert all(row["source"] for row in TYPED + COMPOSITES)
    assert all(row["kind"] for row in ADVERSARIAL)


def expand(segments):
    return "".join(s if isinstance(s, str) else s[0] * s[1] for s in segments)


def start_s():
    """What starting a worker costs on this machine now, in seconds."""
    began = time.monotonic()
    pool = WorkerPool(1)
    pool.run([("check", "x+1", "1+x")], 30.0)
    pool.close()
    return time.monotonic() - began


def attack(rows, directory):
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    wrong, late = [], []
    respawn = max(start_s() for _ in range(2))
    grade(r"\boxed{1+x}", "x+1")
    for row in rows:
        text = expand(row["text"])
        began = time.monotonic()
        status = grade(text, row["gold"], row.get("types"), timeout_s=DEADLINE_S).status
        spent = time.monotonic() - began
        passed = (
            status != "correct" if row["verdict"] == "not correct" else status == row["verdict"]
        )
        if not passed:
            wrong.append((row["text"], row["gold"], row["verdict"], status))
        # Each algebraic part has a deadline; the one before may have had its worker killed.
        parts = 1 if isinstance(row["gold"], str) else len(row["gold"])
        if spent > parts * DEADLINE_S + max(1.0, 3 * respawn):
            late.append((row["text"], row["gold"], spent, respawn))
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    grown_mib = grown / (2**20 if sys.platform == "darwin" else 2**10)
    assert wrong == []
    assert late == []
    assert grown_mib < 150
    assert list(directory.iterdir()) == []


def test_hostile_text_gets_a_verdict_in_time_and_costs_no_memory(tmp_path, monkeypatch):
    # One in eight of the corpus; the whole of it is the next test.
    monkeypatch.chdir(tmp_path)
    cheap = [r for r in ADVERSARIAL if r["kind"] != "algebra"]
    attack(cheap[::8], tmp_path)


@pytest.mark.slow
def test_the_whole_hostile_corpus(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert len(ADVERSARIAL) >= 300
    attack(ADVERSARIAL, tmp_path)
