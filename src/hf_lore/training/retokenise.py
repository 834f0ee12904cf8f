"""SFT rows for a student whose tokenizer is not the teacher's.

Asked for, never silent: the question is rendered with the student's template, the teacher's think
tags become the student's, the text is tokenised for the student, and must decode back to itself.
What such a student trains on was never sampled by anybody: rows say `ids_source = "retokenised"`
and keep both lengths, in the student's and in the teacher's tokens.
"""

from collections.abc import Callable, Collection, Mapping
from typing import TYPE_CHECKING, Any

from ..errors import ConfigError
from ..questions import Question
from ..sampling.counting import R1_TAGS, ThinkTags, count_from_ids
from ..sampling.prompts import render_prompts
from ..sampling.sample import Prompt

if TYPE_CHECKING:
    from datasets import Dataset
    from transformers import PreTrainedTokenizerBase

__all__ = ["retokenise_rows"]


def retokenise_rows(
    dataset: "Dataset",
    questions: Mapping[str, Question],
    teacher: "PreTrainedTokenizerBase",
    student: "PreTrainedTokenizerBase",
    *,
    instruction: str | Callable[[Question], str] | None = None,
    teacher_tags: ThinkTags = R1_TAGS,
    student_tags: ThinkTags = R1_TAGS,
    eos_ids: Collection[int] = (),
) -> "Dataset":
    """Write a teacher's rows in a student's tokens.

    Args:
        dataset: rows of lore-sft-compo, with the teacher's ids.
        questions: question id → question, for every row.
        teacher, student: tokenizers; the student's has a chat template.
        instruction: what the teacher was asked beside each question.
        teacher_tags, student_tags: think tags of each.
        eos_ids: where the student stops generating. Rows end in the one of them with which its
            template ends an assistant's turn (Phi-4's `<|end|>`), else in its tokenizer's EOS.

    Returns:
        The same rows and columns with the student's prompt, completion, ids and
        `reasoning_tokens`, `ids_source` "retokenised", and one column more,
        `teacher_reasoning_tokens`: the lengths by which the triple was chosen.

    Raises:
        ConfigError: an unknown question, a trace that was never closed or does not end in the
            teacher's EOS, text that the student's tokenizer does not give back or would read as a
            control token.
    """
    from datasets import Value

    asked = [questions[i] for i in dict.fromkeys(dataset["question_id"]) if i in questions]
    prompts = {p.question_id: p for p in render_prompts(asked, student, instruction)}
    end_id = _turn_end(student, eos_ids)
    rewrite = _Rewrite(prompts, teacher, student, teacher_tags, student_tags, end_id)
    features = dataset.features.copy()
    features["teacher_reasoning_tokens"] = Value("int32")
    return dataset.map(rewrite, features=features, load_from_cache_file=False, desc="Re-tokenising")


class _Rewrite:
    def __init__(
        self,
        prompts: Mapping[str, Prompt],
        teacher: "PreTrainedTokenizerBase",
        student: "PreTrainedTokenizerBase",
        teacher_tags: ThinkTags,
        student_tags: ThinkTags,
        end_id: int,
    ) -> None:
        self.prompts = prompts
        self.teacher = teacher
        self.student = student
        self.teacher_tags = teacher_tags
        self.student_tags = student_tags
        self.end_id = end_id
        self.special_ids = frozenset(
            i for i, token in student.added_tokens_decoder.items() if token.special
        )

    def __call__(self, row: Mapping[str, Any]) -> dict[str, Any]:
        where = f"row {row['sample_key']}"
        prompt = self.prompts.get(row["question_id"])
        if prompt is None:
            raise ConfigError(
                f"{where} answers question {row['question_id']}, which is not among the questions "
                "given; fix: pass the run's own composites"
            )
        text = self._student_text(where, row, prompt)
        ids = self.student.encode(text, add_special_tokens=False)
        if found := self.special_ids.intersection(ids):
            token = self.student.convert_ids_to_tokens(min(found))
            raise ConfigError(
                f"{where} holds {token!r}, a control token of the student; fix: leave the row out"
            )
        if _decode(self.student, ids) != text:
            raise ConfigError(
                f"{where} does not survive the student's tokenizer: decoding does not give the "
                "text back; fix: a student with a lossless tokenizer, or leave the row out"
            )
        ids.append(self.end_id)
        return {
            "prompt": prompt.text,
            "completion": _decode(self.student, ids),
            "prompt_ids": list(prompt.token_ids),
            "completion_ids": ids,
            "ids_source": "retokenised",
            "reasoning_tokens": count_from_ids(ids, self.student_tags, self.student, prompt.text),
            "teacher_reasoning_tokens": row["reasoning_tokens"],
        }

    def _student_text(self, where: str, row: Mapping[str, Any], prompt: Prompt) -> str:
        """The completion as the student would write it, without EOS."""
        *body, last = row["completion_ids"]
        if last != self.teacher.eos_token_id:
            raise ConfigError(
                f"{where} does not end in the teacher's EOS; fix: pass the teacher's tokenizer"
            )
        thought, closed, answer = _decode(self.teacher, body).partition(self.teacher_tags.close)
        if not closed:
            raise ConfigError(f"{where} was never closed; fix: keep only finished samples")
        if self.student_tags.closed_by(prompt.text):
            raise ConfigError(
                "the student's template closes the think block in the prompt, so there is no place "
                "for reasoning; fix: a template with thinking on"
            )
        # The line break after the opening tag belongs to the tag, whoever writes it.
        if not self.teacher_tags.opened_by(row["prompt"]):
            thought = thought.partition(self.teacher_tags.open)[2] or thought
            thought = thought.removeprefix("\n")
        elif not row["prompt"].endswith("\n"):
            thought = thought.removeprefix("\n")
        if not self.student_tags.opened_by(prompt.text):
            thought = f"{self.student_tags.open}\n{thought}"
        elif not prompt.text.endswith("\n"):
            thought = f"\n{thought}"
        return f"{thought}{self.student_tags.close}{answer}"


def _turn_end(student: "PreTrainedTokenizerBase", eos_ids: Collection[int]) -> int:
    """The first id of `eos_ids` that the template writes after an answer, else EOS."""
    answer = "ANSWER"
    turn = [{"role": "user", "content": "?"}, {"role": "assistant", "content": answer}]
    text = str(student.apply_chat_template(turn, tokenize=False))
    after = student.encode(text.rpartition(answer)[2], add_special_tokens=False)
    return next((i for i in after if i in eos_ids), student.eos_token_id)


def _decode(tokenizer: "PreTrainedTokenizerBase", ids: list[int]) -> str:
    return str(tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False))
