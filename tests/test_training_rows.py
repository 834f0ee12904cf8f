"""The tokens trained on are the tokens sampled, or nothing is trained."""

import pytest
from datasets import Dataset

from hf_lore.errors import ConfigError
from hf_lore.sft import SFT_FEATURES
from hf_lore.training.rows import IGNORED, load_rows, training_rows
from hf_lore.training.student import allowed_tokens, last_checkpoint, load_student
from model_fixtures import make_tokenizer
from training_fixtures import make_rows, save_student, write_sft_folder


@pytest.fixture(scope="module")
def tokenizer():
    return make_tokenizer()


def as_dataset(rows):
    return Dataset.from_list(rows, features=SFT_FEATURES)


def check(tokenizer, rows, max_tokens=512):
    return training_rows(
        as_dataset(rows), tokenizer, max_tokens=max_tokens, eos_ids={tokenizer.eos_token_id}
    )


def test_labels_are_the_sampled_ids_and_nothing_of_the_prompt(tokenizer):
    rows = make_rows(tokenizer)
    trained, stats = check(tokenizer, rows)
    assert trained.column_names == ["input_ids", "labels"]
    for got, row in zip(trained, rows, strict=True):
        assert got["input_ids"] == row["prompt_ids"] + row["completion_ids"]
        assert got["labels"] == [IGNORED] * len(row["prompt_ids"]) + row["completion_ids"]
        assert got["input_ids"].count(tokenizer.bos_token_id) == 1
        assert got["labels"][-1] == tokenizer.eos_token_id
    # Re-tokenising the text would not have given these ids: "1", "2" came back as "12".
    again = [tokenizer(r["completion"], add_special_tokens=False)["input_ids"] for r in rows]
    assert [a == r["completion_ids"] for a, r in zip(again, rows)].count(False) == 6
    assert stats.rows == 18
    assert stats.trained_tokens == sum(len(r["completion_ids"]) for r in rows)
    assert stats.ids_sources == {"sampled": 18}


def test_a_newline_after_the_think_tag_stays_two_tokens(tokenizer):
    rows = make_rows(tokenizer, opens_with_newline=True)
    trained, _ = check(tokenizer, rows)
    both = tokenizer(rows[0]["prompt"] + rows[0]["completion"])["input_ids"]
    assert both != trained[0]["input_ids"]  # the tokenizer merges the two newlines into one


def test_long_rows_are_refused_with_quantiles(tokenizer):
    row = make_rows(tokenizer, composites=1)[0]
    short, eos = row["prompt_ids"], tokenizer.eos_token_id
    # Lengths: prompt + 1 for nine rows, prompt + 201 for one.
    rows = [{**row, "completion_ids": [eos], "completion": "<|eos|>"} for _ in range(9)]
    rows.append({**row, "completion_ids": [64] * 200 + [eos], "completion": "a" * 200 + "<|eos|>"})
    n = len(short) + 1
    with pytest.raises(ConfigError) as error:
        check(tokenizer, rows, max_tokens=100)
    assert "1 of 10 rows are longer than the 100 tokens allowed" in str(error.value)
    assert f"median {n}, 90% {n}, 99% {n + 200}, longest {n + 200}" in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda r: {"prompt_ids": [259, *r["prompt_ids"]]}, "two BOS"),
        (
            lambda r: {
                "completion_ids": r["completion_ids"][:-1],
                "completion": r["completion"][:-7],
            },
            "does not end in EOS",
        ),
        (lambda r: {"completion_ids": [5, *r["completion_ids"]]}, "do not share a tokenizer"),
        (
            lambda r: {"completion_ids": [99999, *r["completion_ids"]]},
            "id 99999 is beyond its 265 ids",
        ),
        (lambda r: {"prompt": "another"}, "do not share a tokenizer"),
        (lambda r: {"completion_ids": []}, "has no ids"),
    ],
)
def test_spoilt_rows_are_refused(tokenizer, change, message):
    rows = make_rows(tokenizer, composites=1)
    rows[0].update(change(rows[0]))
    with pytest.raises(ConfigError, match=message):
        check(tokenizer, rows)


def test_missing_column_and_no_rows(tokenizer):
    with pytest.raises(ConfigError, match="no column completion_ids"):
        training_rows(
            as_dataset(make_rows(tokenizer)).remove_columns("completion_ids"),
            tokenizer,
            max_tokens=9,
            eos_ids={1},
        )
    with pytest.raises(ConfigError, match="no rows"):
        training_rows(
            as_dataset(make_rows(tokenizer)).select([]), tokenizer, max_tokens=9, eos_ids={1}
        )


def test_load_rows_from_a_run_or_a_folder(tmp_path, tokenizer):
    write_sft_folder(tmp_path / "run" / "dataset", make_rows(tokenizer, composites=1))
    assert len(load_rows(str(tmp_path / "run"), "sft_control")) == 3
    assert len(load_rows(str(tmp_path / "run" / "dataset"), None)) == 3
    with pytest.raises(ConfigError, match="sft_comp"):
        load_rows(str(tmp_path / "run"), "sft_comp")
    with pytest.raises(ConfigError, match="neither a run"):
        load_rows(str(tmp_path), "sft_compo")


def test_student_bounds(tmp_path):
    student = load_student(str(save_student(tmp_path / "s", context=128)))
    assert student.context_tokens == 128
    assert student.eos_ids == {student.tokenizer.eos_token_id}
    assert allowed_tokens(student, None) == 128
    assert allowed_tokens(student, 64) == 64
    for name in ("tokenizer.json", "tokenizer_config.json"):
        (tmp_path / "s" / name).unlink()
    with pytest.raises(ConfigError, match="no tokenizer"):
        load_student(str(tmp_path / "s"))
    with pytest.raises(ConfigError, match="is not a model"):
        load_student(str(tmp_path / "nothing"))


def test_last_checkpoint_passes_over_a_torn_one(tmp_path):
    for step, text in [(5, '{"global_step": 5}'), (10, '{"global_step": 10}'), (15, '{"glob')]:
        (tmp_path / f"checkpoint-{step}").mkdir()
        (tmp_path / f"checkpoint-{step}" / "trainer_state.json").write_text(text)
    (tmp_path / "checkpoint-20").mkdir()
    assert last_checkpoint(str(tmp_path), "true") == str(tmp_path / "checkpoint-10")
    assert last_checkpoint(str(tmp_path), None) is None
    assert last_checkpoint(str(tmp_path / "fresh"), "true") is None
    with pytest.raises(ConfigError, match="not a whole checkpoint"):
        last_checkpoint(str(tmp_path), str(tmp_path / "checkpoint-15"))


def test_two_folders_alike_in_name_and_size_are_two_datasets(tmp_path):
    rows = make_rows(make_tokenizer(), composites=2)
    for name, key in (("a", "first!"), ("b", "second")):
        named = [dict(row, sample_key=key) for row in rows]
        write_sft_folder(tmp_path / name / "rows", named)
    for name, key in (("a", "first!"), ("b", "second")):
        found = load_rows(str(tmp_path / name / "rows"), "sft_compo")
        assert set(found["sample_key"]) == {key}
