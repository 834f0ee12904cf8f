"""The study: its own choices, its exam, its intervals against scipy, a small one end to end."""

import json
import math
import os
import re
import subprocess
import sys
from collections import Counter
from dataclasses import replace
from pathlib import Path

import pytest
from scipy import stats

from hf_lore.errors import ConfigError
from hf_lore.selection import Candidates
from hf_lore.study import CENTRE, QUICK_SIZES, Result, Setting, Sizes, Study, effect
from hf_lore.study.arms import expected_total, longest_composed, tilt_for, token_matched
from hf_lore.study.design import exam_questions, training_composites
from hf_lore.study.effects import mean_over
from hf_lore.study.exam import SCORES, Scores, score_answers
from hf_lore.study.rows import read_rows, write_rows
from hf_lore.study.run import run_group, run_study
from hf_lore.study.splits import Split
from hf_lore.study.tables import format_effect, study_tables
from hf_lore.tiny.world import solve
from hf_lore.training.law_eval import Outcome


def test_the_tilt_of_one_question_is_the_logit_of_its_chances():
    # Two answers of 10 and 20 tokens: 17.5 on average is 3 chances in 4 for the longer one.
    assert tilt_for([[10, 20]], 15) == pytest.approx(0.0, abs=1e-6)
    theta = tilt_for([[10, 20], [10, 20]], 35)
    assert theta == pytest.approx(math.log(3) / 10, rel=1e-4)
    assert expected_total([[10, 20]], theta) == pytest.approx(17.5, abs=1e-3)


def test_the_tilt_at_the_ends():
    assert tilt_for([[7], [9]], 16) == 0.0
    theta = tilt_for([[10, 20]], 10)
    assert expected_total([[10, 20]], theta) == pytest.approx(10.5, abs=1e-3)
    with pytest.raises(ConfigError, match="31 tokens is not between"):
        tilt_for([[10, 20], [5, 10]], 31)


def many(n=3000):
    """Composites whose answers have 10, 20 and 60 tokens, and 30 and 90 composed."""
    rows = tuple((f"p{length}", length) for length in (10, 20, 60))
    return [Candidates(f"c{i}", (rows, rows, (("b", 90), ("a", 90), ("s", 30)))) for i in range(n)]


def test_token_matched_reaches_its_total_and_draws_by_the_tilt():
    composites, total = many(), 3000 * 110
    chosen = token_matched(composites, total, seed=0)
    lengths = {"p10": 10, "p20": 20, "p60": 60, "a": 90, "b": 90, "s": 30}
    reached = sum(lengths[key] for keys in chosen.values() for key in keys)
    assert reached == pytest.approx(total, rel=0.01)
    theta = tilt_for([[10, 20, 60]] * 6000 + [[90, 90, 30]] * 3000, total)
    weights = [math.exp(theta * n) for n in (10, 20, 60)]
    expected = [3000 * w / sum(weights) for w in weights]
    found = Counter(keys[0] for keys in chosen.values())
    assert stats.chisquare([found[f"p{n}"] for n in (10, 20, 60)], expected).pvalue > 0.001
    assert token_matched(composites[::-1], total, seed=0) == chosen
    assert token_matched(composites, total, seed=1) != chosen


def test_the_longest_composed_answer_with_parts_at_random():
    chosen = longest_composed(many(), seed=0)
    assert {keys[2] for keys in chosen.values()} == {"a"}  # of two equally long, the lower key
    for role in (0, 1):
        found = Counter(keys[role] for keys in chosen.values())
        assert stats.chisquare([found[f"p{n}"] for n in (10, 20, 60)]).pvalue > 0.001


def test_nothing_examined_is_trained_on():
    setting = replace(CENTRE, composites=500)
    exam = exam_questions(3, 2, Sizes())
    trained = {q.id for c in training_composites(3, setting, exam) for q in c.parts}
    asked = {q.id for c in (*exam.composites, *exam.longer, *exam.more_parts) for q in c.parts}
    asked |= {q.id for family in exam.families.values() for q in family}
    assert len(training_composites(3, setting, exam)) == 500
    assert not trained & asked
    assert {len(c.parts) for c in exam.more_parts} == {3}
    assert {q.n_steps for c in exam.longer for q in c.parts} == {5, 6}
    assert max(q.n_steps for c in exam.composites for q in c.parts) <= 4


def test_all_settings_of_a_seed_sit_the_same_exam():
    two, three = exam_questions(1, 2, Sizes()), exam_questions(1, 3, Sizes())
    assert (two.composites, two.longer, two.families) == (
        three.composites,
        three.longer,
        three.families,
    )
    assert {len(c.parts) for c in three.more_parts} == {4}
    assert exam_questions(1, 4, Sizes()).more_parts == []
    assert exam_questions(2, 2, Sizes()).composites != two.composites


def test_a_family_is_one_chain_cut_at_every_length():
    family = exam_questions(0, 2, Sizes()).families["dials/0"]
    operations = [solve(q)[0] for q in family]
    assert [len(o) for o in operations] == [1, 2, 3, 4, 5, 6]
    assert all(o == operations[-1][: len(o)] for o in operations)


def test_the_most_important_groups_come_first():
    late = Setting("k2", ("sft_compo",), samples=2)
    study = Study({"a": Path("a"), "b": Path("b")}, {CENTRE: 2, late: 1})
    assert [g.name for g in study.groups()] == [
        "centre/a-seed0",
        "centre/b-seed0",
        "centre/a-seed1",
        "centre/b-seed1",
        "k2/a-seed0",
        "k2/b-seed0",
    ]


def test_settings_that_cannot_be():
    with pytest.raises(ConfigError, match="no such arm: sft"):
        Setting("x", ("sft",))
    with pytest.raises(ConfigError, match="5 parts"):
        Setting("x", ("sft_compo",), parts=5)


def test_scores_worked_by_hand():
    exam = exam_questions(0, 2, QUICK_SIZES)
    answers = {}
    for question in {q.id: q for c in exam.composites for q in c.questions}.values():
        # Parts take 10 and 14 tokens, composites 18: 24 is the law's, so a quarter too few.
        lengths = (10, 14) if len(question.gold) == 1 else (18, 18)
        answers[question.id] = outcomes(question.id, lengths, (True, False))
    for composite in (*exam.longer, *exam.more_parts):
        answers[composite.composed.id] = outcomes(composite.composed.id, (9, 9), (True, True))
    for family in exam.families.values():
        for q in family:
            lengths = (5 * q.n_steps, 5 * q.n_steps)
            answers[q.id] = outcomes(q.id, lengths, (q.n_steps < 4, True))
    scores = score_answers(answers, exam)
    assert scores.signed_deviation == pytest.approx(-0.25)
    assert scores.nmad_compute == pytest.approx(0.25)
    assert scores.tokens_parts == 24
    assert scores.tokens_composed == 18
    assert scores.accuracy_parts == scores.accuracy_composed == 0.5
    assert scores.accuracy_longer == scores.accuracy_more_parts == 1.0
    assert scores.rho_compute == pytest.approx(1.0)
    assert scores.rho_log_accuracy == pytest.approx(
        stats.spearmanr([1, 2, 3, 4, 5, 6], [2, 2, 2, 1, 1, 1]).statistic
    )
    assert scores.excess_squared == pytest.approx(0.25**2 - scores.noise_floor**2)
    assert scores.truncated_share == 0.0


def outcomes(question, lengths, right):
    return [Outcome(question, i, n, n + 5, r, "") for i, (n, r) in enumerate(zip(lengths, right))]


def result(patient, seed, arm, value, setting="centre"):
    scores = Scores(**dict.fromkeys(SCORES, math.nan))
    return Result(setting, patient, seed, arm, replace(scores, nmad_compute=value), None)


# Differences of a patient: 0.1, 0.3, 0.2; of the other: 0.4, 0.6, 0.5.
VALUES = {"a": [(0.5, 0.4), (0.6, 0.3), (0.4, 0.2)], "b": [(0.9, 0.5), (0.8, 0.2), (0.7, 0.2)]}
PAIRED = [
    r
    for patient, pairs in VALUES.items()
    for seed, (one, two) in enumerate(pairs)
    for r in (result(patient, seed, "base", one), result(patient, seed, "sft_compo", two))
]


def test_paired_differences_are_scipys():
    found = effect(PAIRED, "nmad_compute", "base", "sft_compo", "centre")
    assert found.by_patient == {"a": pytest.approx(0.2), "b": pytest.approx(0.5)}
    assert found.mean == pytest.approx(0.35)
    over_patients = stats.ttest_1samp([0.2, 0.5], 0).confidence_interval()
    assert (found.patients_low, found.patients_high) == pytest.approx(tuple(over_patients))
    # Equal variances in both patients, 0.01 with 3 seeds: the pooled error is √(2 x 0.01/3) / 2.
    error = math.sqrt(2 * 0.01 / 3) / 2
    half = stats.t(4).ppf(0.975) * error
    assert found.seeds_high - found.mean == pytest.approx(half)
    assert found.p_seeds == pytest.approx(2 * stats.t(4).sf(0.35 / error))
    assert (found.n_patients, found.n_seeds) == (2, 6)


def test_only_pairs_that_both_arms_have_count():
    found = effect(PAIRED[:-1], "nmad_compute", "base", "sft_compo", "centre")
    assert found.n_seeds == 5
    assert found.by_patient["b"] == pytest.approx(0.5)  # of 0.4 and 0.6


def test_one_seed_or_one_patient_has_no_interval_of_its_kind():
    found = effect(PAIRED[:2], "nmad_compute", "base", "sft_compo", "centre")
    assert found.mean == pytest.approx(0.1)
    assert math.isnan(found.patients_low)
    assert math.isnan(found.seeds_low)
    assert math.isnan(found.p_seeds)
    nothing = mean_over(PAIRED, "accuracy_longer", "base", "centre")
    assert math.isnan(nothing.mean)
    assert nothing.n_seeds == 0


def test_tables_say_what_was_not_measured():
    table = study_tables(PAIRED[:2], "centre")
    assert "| base | 1 | 0.500 – |" in table
    assert "| score | better | sft_compo − base |" in table
    assert "| nmad_compute | lower | -0.100 ± – / – |" in table
    assert "| accuracy_longer | higher | – |" in table
    assert "| from |  | 1 patients, 1 pairs |" in table


def test_a_difference_is_written_with_both_intervals_and_stars():
    # By hand in the test above: 0.35, t(1) = 12.706 times 0.15, t(4) = 2.776 times 0.0408.
    found = effect(PAIRED, "nmad_compute", "base", "sft_compo", "centre")
    assert format_effect(found) == "0.350 ± 1.906 / 0.113 **"


def test_rows_survive_the_file(tmp_path):
    split = Split(139, 5474, 5488, 0.3021)
    rows = [*PAIRED, replace(PAIRED[1], split=split)]
    write_rows(tmp_path / "rows.csv", rows)
    read = read_rows(tmp_path / "rows.csv")
    assert [(r.setting, r.patient, r.seed, r.arm, r.split) for r in read] == [
        (r.setting, r.patient, r.seed, r.arm, r.split) for r in rows
    ]
    assert [r.scores.nmad_compute for r in read] == [r.scores.nmad_compute for r in rows]
    assert math.isnan(read[0].scores.rho_compute)
    (tmp_path / "other.csv").write_text("a,b\n1,2\n")
    with pytest.raises(ConfigError, match="columns of a study"):
        read_rows(tmp_path / "other.csv")


def test_after_its_minutes_nothing_is_begun(tmp_path):
    from hf_lore.tiny import tiny_path

    study = Study({"patient0": tiny_path()}, {CENTRE: 1}, QUICK_SIZES)
    assert run_group(tmp_path, study.groups()[0], tiny_path(), QUICK_SIZES, until=0.0) is None
    assert list(tmp_path.iterdir()) == []


def test_a_folder_of_other_sizes_is_refused(tmp_path):
    run_study(tmp_path, Study({}, {}, QUICK_SIZES))
    with pytest.raises(ConfigError, match="other sizes"):
        run_study(tmp_path, Study({}, {}, Sizes()))


@pytest.mark.slow
def test_the_short_study_from_its_command_line_and_again(tmp_path):
    out = tmp_path / "study"
    command = [
        *(sys.executable, "-m", "hf_lore.cli", "demo", "--study", "--quick"),
        *("--seeds", "2", "--out", str(out)),
    ]
    environment = {**os.environ, "OMP_NUM_THREADS": "1"}

    def run():
        done = subprocess.run(
            command, capture_output=True, text=True, timeout=600, env=environment, check=False
        )
        assert done.returncode == 0, done.stderr[-3000:]
        return done

    first = run()
    for arm in CENTRE.arms:
        assert re.search(rf"^\| {arm} \| 2 \| \d", first.stdout, re.MULTILINE), first.stdout
    assert (out / "arms.png").stat().st_size > 10_000
    splits = json.loads(next(out.glob("teachers/*/patient0-seed0/arms/splits.json")).read_text())
    gaps = {arm: row[3] for arm, row in splits.items()}
    assert gaps["sft_compo"] == min(gaps.values())
    assert gaps["sft_anti"] == max(gaps.values())
    total = {arm: row[1] + row[2] for arm, row in splits.items()}
    assert total["token_matched"] == pytest.approx(total["sft_compo"], rel=0.15)
    # One model's answers are lost: only it is examined again, and says the same.
    lost = out / "centre" / "patient0-seed1" / "sft_anti" / "answers.parquet"
    kept = {p: p.stat().st_mtime_ns for p in out.rglob("*") if p.is_file() and p != lost}
    lost.unlink()
    assert run().stdout == first.stdout
    changed = {p for p, mtime in kept.items() if p.stat().st_mtime_ns != mtime}
    assert changed <= {out / "arms.png", out / "tables.md"}
