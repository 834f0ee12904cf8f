"""The law as a training signal: rewards, rows that stay together, preference pairs."""

import pickle

import pytest
from datasets import Dataset
from trl import GRPOConfig

from hf_lore.errors import ConfigError
from hf_lore.questions import Composite, Question, compose
from hf_lore.sft import SFT_FEATURES
from hf_lore.training.preference import preference_rows
from hf_lore.training.rewards import answer_reward, compositionality_reward
from hf_lore.training.triplets import check_triplet_batches, triplet_rows
from model_fixtures import make_tokenizer
from training_fixtures import make_rows

CLOSE, OPEN = 9, 8


def trace(n, *, opened=False, closed=True):
    return [OPEN] * opened + [1] * n + [CLOSE, 2] * closed


def rewards(lengths, **more):
    """Rewards of one triplet; `lengths` is role → completions."""
    role = [r for r, ids in lengths.items() for _ in ids]
    ids = [one for drawn in lengths.values() for one in drawn]
    return compositionality_reward(
        completion_ids=ids,
        composite_id=["c"] * len(ids),
        role=role,
        close_id=[CLOSE] * len(ids),
        open_id=[OPEN] * len(ids),
        **more,
    )


def test_a_lawful_triplet_gets_one():
    assert rewards({"x1": [trace(4)], "x2": [trace(6)], "composed": [trace(10)]}) == [1, 1, 1]
    # An emitted opening tag is no thought.
    assert rewards({"x1": [trace(4, opened=True)], "x2": [trace(6)], "composed": [trace(10)]}) == [
        1,
        1,
        1,
    ]


def test_each_completion_is_judged_against_the_means_of_the_others():
    got = rewards({"x1": [trace(4), trace(8)], "x2": [trace(6)], "composed": [trace(9), trace(3)]})
    # Means: x1 6, x2 6, so S = 12; composed 6.
    # x1 of 4: |6 - (6 + 4)| / 12 = 1/3; of 8: |6 - 14| / 12 = 2/3; x2: |6 - 12| / 12 = 1/2.
    # composed of 9: |9 - 12| / 12 = 1/4; of 3: 3/4.
    assert got == pytest.approx([2 / 3, 1 / 3, 1 / 2, 3 / 4, 1 / 4])


def test_far_off_is_zero_and_unclosed_is_zero():
    got = rewards(
        {"x1": [trace(4)], "x2": [trace(6)], "composed": [trace(50), trace(5, closed=False)]}
    )
    # composed mean 50, S = 10: every gap is at least 1.
    assert got == [0, 0, 0, 0]


def test_a_role_without_closed_trace_gives_none_to_the_whole_composite():
    open_trace = trace(5, closed=False)
    assert rewards({"x1": [open_trace], "x2": [trace(6)], "composed": [trace(6)]}) == [None] * 3
    assert rewards({"x1": [trace(0)], "x2": [trace(0)], "composed": [trace(6)]}) == [None] * 3


def test_a_torn_triplet_and_missing_columns_are_refused():
    with pytest.raises(ConfigError, match="came with the roles"):
        rewards({"x1": [trace(4)], "x2": [trace(6)]})
    with pytest.raises(ConfigError, match="needs the column composite_id"):
        compositionality_reward(completion_ids=[[1]])
    with pytest.raises(ConfigError, match="needs the column gold"):
        answer_reward(completions=["a"], completion_ids=[[1]])


def test_the_batch_gap_is_logged_and_functions_pickle():
    logged = {}
    rewards(
        {"x1": [trace(4)], "x2": [trace(6)], "composed": [trace(7)]},
        log_metric=logged.__setitem__,
    )
    assert logged == {"lore_relative_gap": pytest.approx(0.3)}
    for function in (compositionality_reward, answer_reward):
        assert pickle.loads(pickle.dumps(function)) is function


def test_answers():
    texts = [
        "</think>\\boxed{7}",
        "</think>\\boxed{8}",
        "</think>\\boxed{7}",
        "</think>\\boxed{1}, \\boxed{2}",
    ]
    got = answer_reward(
        completions=texts,
        completion_ids=[[CLOSE], [CLOSE], [1], [CLOSE]],  # the third never closed by its ids
        gold=[["7"], ["7"], ["7"], ["1", "2"]],
        answer_types=[["int"]] * 3 + [["int", "int"]],
        close_id=[CLOSE] * 4,
    )
    assert got == [1, 0, 0, 1]
    conversation = [{"role": "assistant", "content": "</think>\\boxed{7}"}]
    assert answer_reward(
        completions=[conversation], completion_ids=[[CLOSE]], gold=[["7"]], close_id=[CLOSE]
    ) == [1]


def make_composites(n):
    made = []
    for i in range(n):
        parts = tuple(
            Question(prompt=f"{s}{i}?", gold=(str(i),), answer_types=("int",), subject=s)
            for s in "ab"
        )
        made.append(Composite(parts=parts, composed=compose(parts)))
    return made


def test_triplets_stay_together_and_every_pass_is_shuffled_anew():
    tokenizer = make_tokenizer()
    composites = make_composites(10)
    rows = triplet_rows(composites, tokenizer, epochs=2, seed=1)
    assert len(rows) == 60
    assert rows["role"] == ["x1", "x2", "composed"] * 20
    ids = rows["composite_id"][::3]
    assert all(rows["composite_id"][i] == ids[i // 3] for i in range(60))
    assert sorted(ids[:10]) == sorted(ids[10:]) == sorted(c.id for c in composites)
    assert ids[:10] != ids[10:]
    assert rows[0]["close_id"] == tokenizer.convert_tokens_to_ids("</think>")
    assert rows[0]["prompt"].startswith("<|user|>")
    again = triplet_rows(composites, tokenizer, epochs=2, seed=1)
    assert again["composite_id"] == rows["composite_id"]


def test_batches_that_tear_triplets_are_refused(tmp_path):
    def settings(**more):
        return GRPOConfig(
            output_dir=str(tmp_path), num_generations=4, use_cpu=True, bf16=False, **more
        )

    check_triplet_batches(
        settings(per_device_train_batch_size=12, steps_per_generation=1, shuffle_dataset=False)
    )
    check_triplet_batches(
        settings(per_device_train_batch_size=4, steps_per_generation=3, shuffle_dataset=False)
    )
    with pytest.raises(ConfigError, match="a multiple of 12"):
        check_triplet_batches(
            settings(per_device_train_batch_size=8, steps_per_generation=1, shuffle_dataset=False)
        )
    with pytest.raises(ConfigError, match="shuffle_dataset"):
        check_triplet_batches(settings(per_device_train_batch_size=12, steps_per_generation=1))


def as_dataset(rows):
    return Dataset.from_list(rows, features=SFT_FEATURES)


def test_preference_pairs():
    tokenizer = make_tokenizer()
    compo = make_rows(tokenizer, composites=2)
    anti = [dict(row) for row in make_rows(tokenizer, composites=2, seed=1)]
    for row, chosen in zip(anti, compo):
        row.update(prompt=chosen["prompt"], prompt_ids=chosen["prompt_ids"])
    anti[4] = dict(compo[4])  # one right answer only
    pairs, stats = preference_rows(
        as_dataset(compo),
        as_dataset(anti),
        tokenizer,
        max_tokens=512,
        eos_ids={tokenizer.eos_token_id},
    )
    assert (stats.pairs, stats.same_answer) == (5, 1)
    kept = [i for i in range(6) if i != 4]
    assert pairs["prompt_ids"] == [compo[i]["prompt_ids"] for i in kept]
    assert pairs["chosen_ids"] == [compo[i]["completion_ids"] for i in kept]
    assert pairs["rejected_ids"] == [anti[i]["completion_ids"] for i in kept]
    shorter = sum(len(compo[i]["completion_ids"]) < len(anti[i]["completion_ids"]) for i in kept)
    assert stats.shorter_chosen == shorter
    check = {"max_tokens": 512, "eos_ids": {tokenizer.eos_token_id}}
    with pytest.raises(ConfigError, match="nothing to prefer"):
        preference_rows(as_dataset(compo), as_dataset(compo), tokenizer, **check)
    with pytest.raises(ConfigError, match="different composites"):
        preference_rows(as_dataset(compo), as_dataset(anti[:5]), tokenizer, **check)
