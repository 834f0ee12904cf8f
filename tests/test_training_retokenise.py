"""Rows for a student with another tokenizer: asked for, checked, marked, both lengths kept."""

import pytest
from datasets import Dataset

from hf_lore.builders import LORE_COMPO_FEATURES, composite_to_row
from hf_lore.errors import ConfigError
from hf_lore.hub_layout import write_dataset_folder
from hf_lore.questions import Question
from hf_lore.sampling.counting import R1_TAGS, count_from_ids
from hf_lore.sampling.prompts import render_prompts
from hf_lore.sft import SFT_FEATURES
from hf_lore.training.retokenise import retokenise_rows
from hf_lore.training.rows import IGNORED, training_rows
from model_fixtures import make_llama, make_tokenizer
from template_fixtures import phi4, qwen3, r1_distill, with_other_ids
from test_training_rewards import make_composites
from training_fixtures import make_rows, write_sft_folder

BATCH = ("input_ids", "labels", "attention_mask")


def make_student(**options):
    """Like the teacher's tokenizer, but "so" is one token."""
    student = make_tokenizer(**options)
    student.add_tokens(["so"])
    return student


@pytest.fixture(scope="module")
def teacher():
    return make_tokenizer()


@pytest.fixture(scope="module")
def rows(teacher):
    return make_rows(teacher, composites=2)


def questions(rows):
    made = {}
    for row in rows:
        text = row["prompt"].removeprefix("<|user|>").partition("<|assistant|>")[0]
        made[row["question_id"]] = Question(prompt=text, gold=("1",), answer_types=("int",))
    return made


def with_real_ids(rows):
    """The fixtures' question ids are made up; prompts are found by the questions' own."""
    found = questions(rows)
    return (
        [{**r, "question_id": found[r["question_id"]].id} for r in rows],
        {q.id: q for q in found.values()},
    )


def rewrite(rows, teacher, student, **more):
    rows, asked = with_real_ids(rows)
    return retokenise_rows(
        Dataset.from_list(rows, features=SFT_FEATURES), asked, teacher, student, **more
    )


def test_a_student_that_opens_the_think_block_itself(teacher, rows):
    student = make_student(opens_think=False, adds_bos=False)
    got = rewrite(rows, teacher, student)
    for new, old in zip(got, rows, strict=True):
        assert new["ids_source"] == "retokenised"
        assert new["prompt"].endswith("<|assistant|>")
        assert new["completion"] == "<think>\n" + old["completion"]
        assert new["completion_ids"][-1] == student.eos_token_id
        assert new["completion_ids"] != old["completion_ids"]
        assert new["teacher_reasoning_tokens"] == old["reasoning_tokens"]
        # Between the tags, the line break after the opening one included.
        inner = new["completion"].split("<think>")[1].split("</think>")[0]
        assert new["reasoning_tokens"] == len(student.encode(inner, add_special_tokens=False))
    trained, stats = training_rows(got, student, max_tokens=512, eos_ids={student.eos_token_id})
    assert stats.ids_sources == {"retokenised": 6}
    assert trained[0]["labels"][-1] == student.eos_token_id


def test_a_student_whose_template_opens_it_too(teacher, rows):
    got = rewrite(rows, teacher, make_student())
    assert [r["completion"] for r in got] == [r["completion"] for r in rows]


def test_without_asking_another_tokenizer_is_refused(teacher, rows):
    student = make_student()
    shifted = [{**r, "completion_ids": [266, *r["completion_ids"]]} for r in rows]
    with pytest.raises(
        ConfigError, match="do not share a tokenizer; fix: set retokenise_questions"
    ):
        training_rows(
            Dataset.from_list(shifted, features=SFT_FEATURES),
            student,
            max_tokens=512,
            eos_ids={student.eos_token_id},
        )


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("never closed<|eos|>", "was never closed"),
        ("a</think>b", "does not end in the teacher's EOS"),
        ("a<|user|></think>b<|eos|>", "a control token of the student"),
    ],
)
def test_what_cannot_be_written_is_refused(teacher, rows, text, message):
    ids = teacher(text, add_special_tokens=False)["input_ids"]
    spoilt = [{**rows[0], "completion": text, "completion_ids": ids}]
    with pytest.raises(ConfigError, match=message):
        rewrite(spoilt, teacher, make_student())
    rows, _ = with_real_ids(rows)
    with pytest.raises(ConfigError, match="not among the questions"):
        retokenise_rows(Dataset.from_list(rows, features=SFT_FEATURES), {}, teacher, make_student())


# How each student's template asks, and what its completion starts with.
STUDENTS = {
    "llama": (r1_distill, "<|user|>{}<|assistant|><think>\n", ""),
    "qwen3": (qwen3, "<|im_start|>user\n{}<|im_end|>\n<|im_start|>assistant\n", "<think>\n"),
    "phi4": (
        phi4,
        "<|system|>You are an expert.<|end|><|user|>{}<|end|><|assistant|>",
        "<think>\n",
    ),
}
THOUGHTS = ("so the 12 abs\n\n", "\nab, that is so\n", "12", "so\n\n\nso")


@pytest.fixture(scope="module")
def teacher_rows(tmp_path_factory):
    """Composites, and rows that an R1-Distill-like teacher sampled: a folder each, and its own."""
    folder = tmp_path_factory.mktemp("teacher")
    teacher, _ = r1_distill()
    teacher.save_pretrained(folder / "tokenizer")
    composites = make_composites(4)
    table = Dataset.from_list(
        [composite_to_row(c) for c in composites], features=LORE_COMPO_FEATURES
    )
    write_dataset_folder(folder / "compo", {"default": table}, split="test", body="# composites")
    rows = []
    for composite in composites:
        for role, question in zip(("x1", "x2", "composed"), composite.questions, strict=True):
            (prompt,) = render_prompts([question], teacher, "Box it.")
            text = f"{THOUGHTS[len(rows) % 4]}</think>\n\n\\boxed{{12}}<|eos|>"
            ids = teacher(text, add_special_tokens=False)["input_ids"]
            one, two, both = teacher.convert_tokens_to_ids(["1", "2", "12"])
            at = ids.index(both)  # as a model may spell it, and no tokenizer would
            ids[at : at + 1] = [one, two]
            rows.append(
                {
                    "prompt": prompt.text,
                    "completion": text,
                    "prompt_ids": list(prompt.token_ids),
                    "completion_ids": ids,
                    "ids_source": "sampled",
                    "composite_id": composite.id,
                    "role": role,
                    "question_id": question.id,
                    "sample_key": f"s{len(rows)}",
                    "reasoning_tokens": count_from_ids(ids, R1_TAGS, teacher, prompt.text),
                    "teacher": str(folder / "tokenizer"),
                    "teacher_revision": "main",
                }
            )
    write_sft_folder(folder / "rows", rows)
    return folder, teacher, {q.id: q for c in composites for q in c.questions}, rows


@pytest.fixture(params=STUDENTS)
def other_student(request, tmp_path):
    """A saved model whose tokenizer behaves as the family's and shares no id with the teacher's."""
    make, asked, opening = STUDENTS[request.param]
    tokenizer, ends = make()
    tokenizer = with_other_ids(tokenizer)
    model = make_llama(tokenizer)
    model.generation_config.eos_token_id = tokenizer.convert_tokens_to_ids(ends)
    model.save_pretrained(tmp_path / "student")
    tokenizer.save_pretrained(tmp_path / "student")
    return tmp_path, tokenizer, asked, opening, ends[0]


def trainer_of(folder, place, **data):
    from trl import ModelConfig, SFTConfig

    from hf_lore.training.recipe_config import LawEval, SftData
    from hf_lore.training.sft import sft_trainer

    settings = SFTConfig(
        str(place / "out"),
        max_length=None,
        per_device_train_batch_size=5,
        use_cpu=True,
        bf16=False,
        dataloader_pin_memory=False,
        report_to="none",
    )
    model = ModelConfig(model_name_or_path=str(place / "student"))
    return sft_trainer(
        SftData(dataset_name=str(folder / "rows"), **data), LawEval(), settings, model
    )


def test_the_recipe_trains_each_family_on_its_own_spelling(teacher_rows, other_student):
    folder, _, questions, rows = teacher_rows
    place, student, asked, opening, closing = other_student
    asking = {"retokenise_questions": str(folder / "compo"), "retokenise_instruction": "Box it."}
    trainer, stats = trainer_of(folder, place, **asking)
    assert stats.ids_sources == {"retokenised": 12}

    wanted = []
    for row in rows:
        prompt = asked.format(questions[row["question_id"]].prompt + "\n\nBox it.")
        text = opening + row["completion"].replace("<|eos|>", closing)
        bos = [student.bos_token_id] if student("x")["input_ids"][0] == student.bos_token_id else []
        asked_ids = bos + student(prompt, add_special_tokens=False)["input_ids"]
        wanted.append((asked_ids, student(text, add_special_tokens=False)["input_ids"]))

    seen = []
    for batch in trainer.get_train_dataloader():
        for ids, labels, mask in zip(*(batch[k].tolist() for k in BATCH), strict=True):
            length = sum(mask)  # padded on the right; Phi's padding is its EOS
            trained = [i for i, label in enumerate(labels) if label != IGNORED]
            assert trained == list(range(trained[0], length))  # no hole, up to EOS, no padding
            assert labels[trained[0] : length] == ids[trained[0] : length]
            # As the template ends an answer, which for Phi is not the tokenizer's EOS.
            assert student.convert_ids_to_tokens(ids[length - 1]) == closing
            seen.append((ids[: trained[0]], ids[trained[0] : length]))
    assert sorted(seen) == sorted(wanted)
    for prompt, completion in seen:
        # Llama's one BOS and no second; Phi's is its EOS, which ends no prompt.
        assert prompt.count(student.bos_token_id) == (opening == "")
        read = student.decode(completion)
        # The tag is there once in prompt and completion together, whoever opens it.
        assert (student.decode(prompt) + read).count("<think>") == 1
        assert read.count("</think>") == 1


def test_both_lengths_are_stored_in_each_familys_own_tokens(teacher_rows, other_student):
    _, teacher, questions, rows = teacher_rows
    _, student, _, opening, _ = other_student
    dataset = Dataset.from_list(rows, features=SFT_FEATURES)
    got = retokenise_rows(dataset, questions, teacher, student, instruction="Box it.")
    assert set(got["ids_source"]) == {"retokenised"}
    assert got["teacher_reasoning_tokens"] == [r["reasoning_tokens"] for r in rows]
    for new, old in zip(got, rows, strict=True):
        # The line break after an opening tag that is emitted counts, as in a sampled trace.
        thought = opening.removeprefix("<think>") + old["completion"].split("</think>")[0]
        assert new["reasoning_tokens"] == len(student.encode(thought, add_special_tokens=False))
    assert got["reasoning_tokens"] != got["teacher_reasoning_tokens"]


def test_unasked_no_family_is_trained_on_the_teachers_ids(teacher_rows, other_student):
    place, *_ = other_student
    with pytest.raises(ConfigError, match="do not share a tokenizer; fix: set retokenise_quest"):
        trainer_of(teacher_rows[0], place)
