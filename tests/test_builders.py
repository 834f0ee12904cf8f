"""The LoreCompo builder: explicit features, exact round trips, no stale cache."""

import json

import pytest
from datasets import load_dataset

from hf_lore.builders import LORE_COMPO_FEATURES, LoreCompo, composite_to_row, composites_from_rows
from hf_lore.compo import build_composites
from hf_lore.errors import ConfigError
from hf_lore.hub_layout import write_dataset_folder
from hf_lore.sources import load_questions


@pytest.fixture
def source(tmp_path):
    rows = [
        {"problem": f"{s} {i}?", "answer": ["2", "null", "007"][i % 3], "subject": s, "level": i}
        for s in ("A", "B", "C")
        for i in range(6)
    ]
    path = tmp_path / "questions.jsonl"
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return path


def build(source, tmp_path, **config):
    builder = LoreCompo(cache_dir=str(tmp_path / "cache"), source=str(source), **config)
    builder.download_and_prepare()
    return builder.as_dataset(split="test")


def test_builder_equals_the_function(source, tmp_path):
    dataset = build(source, tmp_path, seed=1)
    assert dataset.features == LORE_COMPO_FEATURES
    expected = build_composites(load_questions(str(source)).questions, seed=1)
    assert list(composites_from_rows(dataset)) == expected
    assert list(build(source, tmp_path, seed=1, limit=4)["id"]) == [c.id for c in expected[:4]]
    assert dataset[0]["parts"][0]["answer"][0] in {"2", "null", "007"}


def test_an_edited_file_is_not_served_from_the_old_cache(source, tmp_path):
    before = build(source, tmp_path)
    source.write_text(source.read_text().replace("A 0?", "A zero?"))
    assert set(build(source, tmp_path)["id"]) != set(before["id"])


def test_hub_layout_loads_without_us(source, tmp_path):
    dataset = build(source, tmp_path)
    folder = tmp_path / "lore-compo"
    for _ in range(2):  # writing again replaces the folder
        write_dataset_folder(
            folder, {"default": dataset}, split="test", body="# T", default="default"
        )
    loaded = load_dataset(str(folder), "default", split="test", cache_dir=str(tmp_path / "c"))
    assert loaded.features == LORE_COMPO_FEATURES
    assert loaded.to_list() == dataset.to_list()
    streamed = load_dataset(str(folder), split="test", streaming=True)
    assert list(streamed) == dataset.to_list()


def test_an_edited_row_is_refused(source, tmp_path):
    row = composite_to_row(build_composites(load_questions(str(source)).questions)[0])
    row["composed"]["answer"][0] = "3"
    with pytest.raises(ConfigError, match="edited after it was built"):
        list(composites_from_rows([row]))
    with pytest.raises(ConfigError, match="not a lore-compo row"):
        list(composites_from_rows([{"problem": "x"}]))
