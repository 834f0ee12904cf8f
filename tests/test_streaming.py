"""Stages that hold a composite at a time, against the same done with everything in memory."""

import json
import random

import pyarrow.parquet as pq
import pytest

from hf_lore.compo import build_composites
from hf_lore.errors import ConfigError, RunMismatchError
from hf_lore.laws import Draws, score_compositionality, zero_rule_sensitivity
from hf_lore.laws.columns import CompositeColumns
from hf_lore.laws.compositionality import score_columns
from hf_lore.question_table import each_item, read_items, summarise
from hf_lore.questions import Question, content_hash
from hf_lore.run import Run
from hf_lore.sampling.sample import SamplingParams
from hf_lore.sampling.store import SampleStore
from hf_lore.scoring import load_scores, read_draws, score
from hf_lore.selection import CompoSelector, Selection, select_composites
from hf_lore.sft import SFT_CONFIGS, build_sft_splits
from hf_lore.stages import candidates_of, sample, select, split_files, start_run, verify
from hf_lore.verification import grade
from scripted import ScriptedSampler
from test_stages import K, oracle, tokenizer  # noqa: F401


def uneven(questions):
    """Lengths, mistakes and cut draws by a hash of question and draw; one question always fails."""

    def number(*what):
        return random.Random(":".join(map(str, what)))

    def thoughts(question, draw):
        right = number("right", question.id, draw).random() < 0.7
        return number("length", question.id, draw).randint(0, 60), right

    base = oracle(questions, thoughts)
    broken = questions[3].composed.id

    def script(question_id, draw):
        if question_id == broken:
            return "z</think>\\boxed{no}", "stop"
        if number("cut", question_id, draw).random() < 0.1:
            return "z" * number("at", question_id, draw).randint(1, 90), "length"
        return base(question_id, draw)

    return script


@pytest.fixture(scope="module", params=[(1, 1), (2, 3)], ids=["one shard", "shared, three shards"])
def run(request, tmp_path_factory, tokenizer):  # noqa: F811
    """A verified run; composites may share questions, and their order is not the store's."""
    uses, shards = request.param
    source = [
        Question(f"{s} {i}: what is {i} + {i}?", (str(2 * i),), ("int",), subject=s, n_steps=i)
        for s in ("sums", "adds", "more")
        for i in range(1, 9)
    ]
    composites = build_composites(source, seed=0, max_uses=uses)
    sampler = ScriptedSampler(tokenizer, uneven(composites))
    path = tmp_path_factory.mktemp("run") / "run"
    params = SamplingParams(max_new_tokens=300)
    made = start_run(path, composites, sampler, tokenizer, params, K, num_shards=shards)
    sample(made, sampler, tokenizer)
    verify(made)
    return made


def in_memory(run, tokenizer, seed, gap, limit):  # noqa: F811
    """What `select` chooses, with every candidate, sample and prompt held at once."""
    composites = run.composites()
    candidates = candidates_of(run, composites)
    outcomes = {}
    for config, strategy in SFT_CONFIGS.items():
        selector = CompoSelector(strategy, seed, gap if strategy == "min" else None)
        found = list(select_composites(candidates, selector))
        if strategy == "min":
            chosen = [o for o in found if isinstance(o, Selection)][:limit]
            kept = {o.composite_id for o in chosen}
            rejected = len(composites) - len(kept)
        outcomes[config] = [o for o in found if isinstance(o, Selection) and o.composite_id in kept]
    with SampleStore(run.samples, read_only=True) as store:
        samples = {s.key: s for s in store}
        prompts = {p.question_id: p for p in store.prompts()}
    splits = build_sft_splits(composites, outcomes, samples.__getitem__, prompts, tokenizer)
    return outcomes, rejected, splits


@pytest.mark.parametrize(("seed", "gap", "limit"), [(0, None, None), (7, 0.05, None), (0, None, 3)])
def test_select_equals_selection_in_memory(run, tokenizer, monkeypatch, seed, gap, limit):  # noqa: F811
    # Row groups of a few rows, so that several are written.
    monkeypatch.setattr(split_files, "ROW_GROUP_BYTES", 2000)
    monkeypatch.setattr(split_files, "BATCH_ROWS", 4)
    report = select(run, seed=seed, max_relative_gap=gap, limit=limit)
    outcomes, rejected, splits = in_memory(run, tokenizer, seed, gap, limit)
    written = pq.read_table(run.selection / "selections.parquet").to_pylist()
    assert [
        (r["config"], r["composite_id"], r["strategy"], tuple(r["sample_keys"]), r["gap_tokens"])
        for r in written
    ] == [
        (config, o.composite_id, o.strategy, o.sample_keys, o.gap_tokens)
        for config, found in outcomes.items()
        for o in found
    ]
    assert pq.read_metadata(run.selection / "rejections.parquet").num_rows == rejected > 0
    assert report.text_exact == splits.text_exact
    for config, rows in splits.configs.items():
        (file,) = (run.dataset / config).glob("*.parquet")
        assert pq.read_table(file).to_pylist() == rows.to_list()
        assert pq.read_table(file).schema.equals(rows.data.table.schema)
        assert pq.read_metadata(file).num_row_groups > 1 or limit
    assert not (run.path / ".selection.part").exists()


def test_scores_equal_those_of_the_arrays(run):
    found = score(run)
    composites, draws, unanswerable = read_draws(run)
    named = score_compositionality(draws)
    assert [s.to_json() for s in named] == [found[s.name].to_json() for s in named]
    rules = zero_rule_sensitivity(draws)
    assert {r: s.to_json() for r, s in rules.items()} == {
        r: s.to_json() for r, s in found.zero_rules.items()
    }
    assert (found.unanswerable, len(found.points)) == (unanswerable, len(composites))
    text = run.laws.read_text(encoding="utf-8")
    assert text == json.dumps(found.to_json(), indent=2, allow_nan=False) + "\n"
    again = load_scores(run)
    assert again.points == found.points
    assert found.points == again.points
    assert found.points[1:3] == again.points[1:3]
    assert found.points[0].composite_id == composites[0].id
    assert found.points != again.points[1:]


@pytest.mark.parametrize("seed", range(12))
def test_columns_put_in_blocks_score_as_the_draws_do(seed):
    """Random draws, of which some are cut, empty or absent, in blocks of random size."""
    import numpy as np

    rng = np.random.default_rng(seed)
    n, roles, k = (int(rng.choice(c)) for c in ([1, 2, 40], [3, 4, 10], [1, 2, 8, 17]))
    tokens = np.round(rng.lognormal(4, 1, (n, roles, k)))
    correct = (rng.random(tokens.shape) < rng.choice([0.0, 0.8, 1.0])) * 1.0
    cut = np.full_like(tokens, np.nan)
    if seed % 3:
        ended = rng.random(tokens.shape) < rng.choice([0.1, 0.9])
        cut[ended], tokens[ended], correct[ended] = tokens[ended] + 5, np.nan, 0.0
    if seed % 4 == 1:
        tokens[rng.random(tokens.shape) < 0.2] *= 0
    if seed % 5 == 2:
        absent = rng.random(tokens.shape) < 0.3
        tokens[absent] = correct[absent] = cut[absent] = np.nan
    draws = Draws(tokens, correct, cut)
    columns, step = CompositeColumns(n, roles), int(rng.choice([1, 3, 64]))
    for start in range(0, n, step):
        columns.put(start, draws.take(np.arange(start, min(start + step, n))))
    # As text, so that NaN equals NaN and the last digit counts.
    assert json.dumps([s.to_json() for s in score_columns(columns)]) == json.dumps(
        [s.to_json() for s in score_compositionality(draws)]
    )
    assert json.dumps(
        {r: s.to_json() for r, s in zero_rule_sensitivity(columns).items()}
    ) == json.dumps({r: s.to_json() for r, s in zero_rule_sensitivity(draws).items()})


def test_no_stage_asks_for_all_of_anything(run, tokenizer, monkeypatch):  # noqa: F811
    def refuse(*what):
        raise AssertionError("held at once")

    for kind, name in (
        (Run, "items"),
        (Run, "composites"),
        (Run, "questions"),
        (SampleStore, "prompts"),
        (SampleStore, "keys"),
    ):
        monkeypatch.setattr(kind, name, refuse)
    select(run)
    score(run)
    verify(run)
    monkeypatch.setattr(SampleStore, "__iter__", refuse)
    select(run)
    score(run)


def test_verdicts_equal_those_given_one_by_one(run):
    questions = {q.id: q for q in run.questions()}
    with SampleStore(run.samples, read_only=True) as store:
        alone = [
            grade(
                s.text,
                questions[s.question_id].gold,
                questions[s.question_id].answer_types,
                truncated=s.finish_reason == "length",
            ).status
            for s in store
        ]
    counts = verify(run)
    assert counts == {status: alone.count(status) for status in set(alone)}


def test_questions_are_read_some_at_a_time(run, tmp_path):
    file = run.path / "questions.parquet"
    composites = run.composites()
    assert list(each_item(file)) == read_items(file) == list(run.each_composite()) == composites
    found = summarise(file)
    assert found.ids_hash == content_hash("qs", [c.id for c in composites])
    assert found.n_items == len(composites)
    assert found.n_questions == len(run.questions()) == len({q.id for q in run.each_question()})
    assert (found.kinds, found.sizes) == ({"independent"}, {2})


def test_a_question_set_that_was_exchanged_is_refused_before_any_work(run, tmp_path):
    other = Run(tmp_path, run.manifest)
    table = pq.read_table(run.path / "questions.parquet")
    pq.write_table(table.slice(1), other.path / "questions.parquet")
    for ask in (
        other.summary,
        lambda: next(other.each_composite()),
        lambda: next(other.each_question()),
    ):
        with pytest.raises(RunMismatchError, match=r"not the question set.*fix:"):
            ask()
    # The right ids over other content: seen at the row that was edited.
    texts = ["another prompt"] * len(table)
    composed = [
        {**cell, "problem": text} for cell, text in zip(table["composed"].to_pylist(), texts)
    ]
    at = table.schema.get_field_index("composed")
    edited = table.set_column(at, table.schema.field(at), [composed])
    pq.write_table(edited, other.path / "questions.parquet")
    with pytest.raises(ConfigError, match="edited"):
        list(other.each_composite())
