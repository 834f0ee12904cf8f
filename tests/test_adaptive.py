"""Adaptive K: what is owed, by hand; a whole run; a killed one; and what such a run must not do."""

import json
import re

import pytest

from hf_lore.adaptive import AdaptiveK, owed_draws
from hf_lore.cli import main
from hf_lore.compo import build_composites
from hf_lore.errors import ConfigError, RunMismatchError
from hf_lore.questions import Composite, Question, compose
from hf_lore.run import Run
from hf_lore.sampling.sample import SamplingParams
from hf_lore.sampling.store import SampleStore
from hf_lore.scoring import score
from hf_lore.stages import sample, select, start_run, verify
from hf_lore.tiny import tiny_questions
from scripted import ScriptedSampler
from test_stages import composites, law_abiding, make_run, oracle, tokenizer  # noqa: F401

ROUND_OF_TWO = AdaptiveK(stop_within=0.1, draws_a_round=2)


def pair(name):
    parts = tuple(Question(f"{name}{i}", ("1",), ("int",), subject=f"s{i}") for i in (1, 2))
    return Composite(parts, compose(parts))


def outcomes_of(composite, *rows):
    return {q.id: list(row) for q, row in zip(composite.questions, rows)}


def owed_of(composite, *rows, most=8, adaptive=ROUND_OF_TWO):
    owed = owed_draws([composite], outcomes_of(composite, *rows), most, adaptive)
    return [owed.get(q.id) for q in composite.questions]


def test_owed_draws_by_hand():
    one = pair("a")
    # Nothing drawn: the first round.
    assert owed_of(one, [], [], []) == [range(2)] * 3
    # 10 + 20 = 30 against 32: a gap of 2 / 30, within a tenth.
    assert owed_of(one, [10, 50], [None, 20], [32, None]) == [None] * 3
    # 34 is 4 / 30 away: another round.
    assert owed_of(one, [10, 50], [None, 20], [34, None]) == [range(2, 4)] * 3
    # No right answer to the composite at all.
    assert owed_of(one, [10, 10], [20, 20], [None, None]) == [range(2, 4)] * 3
    # A killed round: one question has three draws, another two. The whole round is planned again.
    assert owed_of(one, [10, 50, 9], [None, 20], [34, None]) == [range(2, 4)] * 3
    # It fitted after two draws, so what else was drawn does not matter.
    assert owed_of(one, [10] * 5, [20] * 3, [30] * 2) == [None] * 3
    # K is the end, also where it is no multiple of a round.
    assert owed_of(one, [1, 1], [1, 1], [9, 9], most=3) == [range(2, 3)] * 3
    assert owed_of(one, [1] * 3, [1] * 3, [9] * 3, most=3) == [None] * 3


def test_a_shared_question_owes_what_the_neediest_composite_does():
    one, two = pair("a"), pair("b")
    shared = Composite((one.parts[0], two.parts[1]), compose((one.parts[0], two.parts[1])))
    held = {**outcomes_of(one, [10, 10], [20, 20], [30, 30]), two.parts[1].id: [5, 5]}
    held[shared.composed.id] = [99, 99]
    owed = owed_draws([one, shared], held, 8, ROUND_OF_TWO)
    assert owed == {q.id: range(2, 4) for q in shared.questions}


@pytest.mark.parametrize("bad", [{"stop_within": -0.1}, {"stop_within": 0.1, "draws_a_round": 0}])
def test_bad_settings(bad):
    with pytest.raises(ConfigError, match="fix:"):
        AdaptiveK(**bad)


def test_a_run_draws_no_more_than_it_needs(tmp_path, composites, tokenizer):  # noqa: F811
    """Draw 0 is wrong on composites and draw 1 fits exactly, so rounds of one end after two."""
    adaptive = AdaptiveK(0.0, draws_a_round=1)
    run, sampler = make_run(tmp_path, composites, tokenizer, adaptive=adaptive)
    stats = sample(run, sampler, tokenizer)
    assert stats.drawn == len(sampler.drawn) == len(composites) * 3 * 2
    assert {number for _, number in sampler.drawn} == {0, 1}
    report = select(run)
    assert report.selected == len(composites)
    assert "at most 4, in rounds of 1" in (run.dataset / "README.md").read_text()
    # Again: nothing is owed, and the manifest reads back.
    assert Run.open(run.path).manifest == run.manifest
    assert sample(run, sampler, tokenizer).drawn == 0
    with pytest.raises(ConfigError, match="fixed K"):
        score(run)


def test_its_draws_are_those_of_a_fixed_k(tmp_path, composites, tokenizer):  # noqa: F811
    (tmp_path / "adaptive").mkdir()
    (tmp_path / "fixed").mkdir()
    few, sampler = make_run(
        tmp_path / "adaptive", composites, tokenizer, adaptive=AdaptiveK(0.0, draws_a_round=1)
    )
    many, other = make_run(tmp_path / "fixed", composites, tokenizer)
    sample(few, sampler, tokenizer)
    sample(many, other, tokenizer)
    read = [{s.key: s for s in SampleStore(r.samples, read_only=True)} for r in (few, many)]
    assert read[0].items() < read[1].items()


def test_a_killed_run_goes_on_as_it_would_have(tmp_path, composites, tokenizer):  # noqa: F811
    class Dying(ScriptedSampler):
        def sample(self, *what):
            for number, group in enumerate(super().sample(*what)):
                yield group
                if number == 2:
                    raise KeyboardInterrupt

    adaptive = AdaptiveK(0.0, draws_a_round=1)
    run, sampler = make_run(tmp_path, composites, tokenizer, adaptive=adaptive)
    dying = Dying(tokenizer, sampler.script)
    for _ in range(2):
        with pytest.raises(KeyboardInterrupt):
            sample(run, dying, tokenizer)
    with pytest.raises(ConfigError, match="hf-lore sample"):
        select(run)
    sample(run, sampler, tokenizer)
    with SampleStore(run.samples, read_only=True) as store:
        assert sum(1 for _ in store) == len(composites) * 3 * 2
    assert not set(dying.drawn[:21]) & set(sampler.drawn)
    assert select(run).selected == len(composites)


def test_what_a_resumed_run_holds_is_told(tmp_path, capsys):
    """Rounds ask only for what is owed, so what they find held is no count of what is."""
    easy = tiny_questions(8, seed=3, subjects=("arithmetic",), min_steps=2, max_steps=3)
    rows = [
        {"problem": q.prompt, "answer": q.gold[0], "subject": "ab"[i % 2]}
        for i, q in enumerate(easy)
    ]
    source, built, run = (tmp_path / name for name in ("rows.jsonl", "built", "run"))
    source.write_text("".join(json.dumps(row) + "\n" for row in rows))
    made = ["build", "compo", "--source", source, "--out", built, "--answer-type", "int"]
    asked = ["sample", "--run", run, "--questions", built, "--model", "tiny", "-k", "2"]
    asked += ["--stop-within", "9", "--draws-a-round", "1", "--max-new-tokens", "150"]
    counts = []
    for words in ([*made, "--limit", "2"], asked, asked):
        assert main([*map(str, words)]) == 0
        said = re.search(r"(\d+) samples drawn .* (\d+) held already", capsys.readouterr().out)
        counts.append(said and tuple(map(int, said.groups())))
    drawn = len(list(SampleStore(run / "samples", read_only=True)))
    assert counts == [None, (drawn, 0), (0, drawn)]
    assert 6 <= drawn <= 12


def test_a_fixed_k_is_another_run(tmp_path, composites, tokenizer):  # noqa: F811
    make_run(tmp_path, composites, tokenizer)
    with pytest.raises(RunMismatchError, match=r"adaptive.stop_within: None → 0.1"):
        make_run(tmp_path, composites, tokenizer, adaptive=ROUND_OF_TWO)


def test_plain_questions_have_no_triples(tmp_path, composites, tokenizer):  # noqa: F811
    questions = [q for c in composites for q in c.parts]
    sampler = ScriptedSampler(tokenizer, oracle(composites, law_abiding))
    params = SamplingParams(max_new_tokens=100)
    with pytest.raises(ConfigError, match="plain questions"):
        start_run(tmp_path / "r", questions, sampler, tokenizer, params, 4, adaptive=ROUND_OF_TWO)


def test_reused_questions_share_their_samples(tmp_path, tokenizer):  # noqa: F811
    source = [
        Question(f"{s} {i}: {i} + {i}?", (str(2 * i),), ("int",), subject=s, n_steps=i)
        for s in ("sums", "adds")
        for i in range(1, 7)
    ]
    once = build_composites(source, seed=3)
    twice = build_composites(source, seed=3, max_uses=2)
    assert twice[: len(once)] == once
    uses = [q.id for c in twice for q in c.parts]
    assert max(map(uses.count, uses)) == 2
    assert len({frozenset(q.id for q in c.parts) for c in twice}) == len(twice)
    run, sampler = make_run(tmp_path, twice, tokenizer)
    stats = sample(run, sampler, tokenizer)
    # 12 parts and the composed questions, where 3 questions a triplet would be drawn apart.
    assert stats.drawn == 4 * (12 + len(twice)) < 4 * 3 * len(twice)
    verify(run)
    assert select(run).selected == len(twice)
    with pytest.raises(ConfigError, match="max_uses"):
        build_composites(source, max_uses=0)
