"""Sources: answers stay strings, missing columns and unusable rows are named."""

import json

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from hf_lore.errors import ConfigError
from hf_lore.overlap import remove_overlaps
from hf_lore.questions import Question
from hf_lore.sources import ColumnNames, load_questions

ROWS = [
    {"problem": "a?", "answer": "007", "subject": "S", "level": 3},
    {"problem": "b?", "answer": "null", "subject": "T", "level": 1},
]


def write(path, rows):
    path.write_text("".join(json.dumps(r) + "\n" for r in rows))
    return str(path)


@pytest.fixture(params=["jsonl", "json", "csv", "parquet"])
def source(request, tmp_path):
    path = tmp_path / f"q.{request.param}"
    if request.param == "jsonl":
        write(path, ROWS)
    elif request.param == "json":
        path.write_text(json.dumps(ROWS))
    elif request.param == "csv":
        path.write_text("problem,answer,subject,level\na?,007,S,3\nb?,null,T,1\n")
    else:
        pq.write_table(pa.Table.from_pylist(ROWS), path)
    return str(path)


def test_every_format_gives_the_same_questions(source):
    first, second = load_questions(source).questions
    assert (first.gold, first.subject, first.level) == (("007",), "S", "3")
    assert second.gold == ("null",), "the text null is an answer, not a missing one"


def test_a_list_of_answers_is_a_gold_each(tmp_path):
    source = write(tmp_path / "q.jsonl", [{"problem": "p", "answer": ["1", "2"], "subject": "S"}])
    (question,) = load_questions(source).questions
    assert question.gold == ("1", "2")
    assert question.answer_types == ("math", "math")


def test_unusable_rows_are_refused_or_dropped_and_counted(tmp_path):
    source = write(tmp_path / "q.jsonl", [ROWS[0], {"problem": "c", "answer": None, "subject": ""}])
    with pytest.raises(ConfigError, match=r"row 2, has no usable answer.*--drop-bad-rows"):
        load_questions(source)
    loaded = load_questions(source, drop_bad_rows=True)
    assert len(loaded.questions) == 1
    assert loaded.dropped == ("row 2 has no usable answer (got None)",)


@pytest.mark.parametrize(
    ("rows", "columns", "says"),
    [
        ([], ColumnNames(), "no usable rows"),
        ([{"problem": "a", "answer": "1"}], ColumnNames(), "no column 'subject'"),
        ([{"text": "a", "answer": "1"}], ColumnNames(), "no problem column.*it has text, answer"),
        ([{"problem": "a", "label": "1"}], ColumnNames(), "no answer column"),
        ([{"problem": "a", "answer": "1"}], ColumnNames(answer="gold"), "no answer column 'gold'"),
    ],
)
def test_bad_sources_say_why(tmp_path, rows, columns, says):
    with pytest.raises(ConfigError, match=says) as error:
        load_questions(write(tmp_path / "q.jsonl", rows), columns=columns)
    assert "fix:" in str(error.value)


def test_a_missing_file_and_broken_json(tmp_path):
    with pytest.raises(ConfigError, match="is not a file"):
        load_questions(str(tmp_path / "none.jsonl"))
    broken = tmp_path / "b.jsonl"
    broken.write_text('{"problem": "a"\n')
    with pytest.raises(ConfigError, match="line 1, is not valid JSON"):
        load_questions(str(broken))


def test_overlap_by_hand():
    benchmark = ["One two three four five six seven eight nine."]
    shares = Question("zero one TWO, three four\nfive $six$ seven-eight", ("1",))
    differs = Question("one two three four five six seven and eight", ("1",))
    short = Question("one two", ("1",))
    kept, removed = remove_overlaps([shares, differs, short], benchmark, n=8)
    assert removed == [shares]  # the eight words one … eight in a row
    assert kept == [differs, short]
    # A prompt shorter than n is only removed by the same short prompt.
    assert remove_overlaps([short], ["One, two!"], n=8) == ([], [short])
