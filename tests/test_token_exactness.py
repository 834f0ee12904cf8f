"""Labels of real batches are the sampled ids, under three chat templates that spoil stock SFT.

The tokenizers behave as those of R1-Distill, Qwen3 and Phi-4-mini-reasoning (template_fixtures.py).
The ids are drawn from random models, as those would. Through collating and packing; through a stop
and a resume, and two processes, by the recipe's own path.
"""

import json
import os
import socket
import subprocess
import sys

import pytest
import torch
from datasets import Dataset
from transformers import AutoModelForCausalLM

from hf_lore.questions import Question
from hf_lore.sampling.in_process import TransformersSampler
from hf_lore.sampling.prompts import render_prompts
from hf_lore.sampling.sample import Draw, SamplingParams, draw_seed
from hf_lore.sft import SFT_FEATURES
from hf_lore.training.rows import IGNORED, training_rows
from hf_lore.training.student import load_student
from hub_fixtures import ROOT
from model_fixtures import make_llama
from template_fixtures import phi4, qwen3, r1_distill
from training_fixtures import write_sft_folder


@pytest.fixture(scope="module", params=[r1_distill, qwen3, phi4], ids=lambda f: f.__name__)
def family(request, tmp_path_factory):
    """A saved student, and rows whose completions it drew itself."""
    folder = tmp_path_factory.mktemp(request.param.__name__)
    tokenizer, ends = request.param()
    end_ids = tokenizer.convert_tokens_to_ids(ends)
    tokenizer.save_pretrained(folder)
    tokenizer.eos_token = ends[0]  # whose logit the fixture raises
    model = make_llama(tokenizer, seed=1, eos_bias=3.0)
    model.generation_config.eos_token_id = end_ids
    model.save_pretrained(folder)
    student = load_student(str(folder))

    questions = [Question(prompt=f"What is {n}+{n}?", gold=(str(2 * n),)) for n in range(6)]
    params = SamplingParams(temperature=1.0, max_new_tokens=160)
    draws = [
        Draw(p, k, draw_seed(0, p.question_id, k))
        for p in render_prompts(questions, student.tokenizer)
        for k in range(4)
    ]
    sampler = TransformersSampler(folder)
    samples = [s for group in sampler.sample(draws, params) for s in group]
    prompts = {d.prompt.question_id: d.prompt for d in draws}
    rows = [
        {
            "prompt": prompts[s.question_id].text,
            "completion": student.tokenizer.decode(
                s.token_ids, skip_special_tokens=False, clean_up_tokenization_spaces=False
            ),
            "prompt_ids": list(prompts[s.question_id].token_ids),
            "completion_ids": list(s.token_ids),
            "ids_source": "sampled",
            "composite_id": "c",
            "role": "x1",
            "question_id": s.question_id,
            "sample_key": s.key,
            "reasoning_tokens": 1,
            "teacher": "t",
            "teacher_revision": "r",
        }
        for s in samples
        if s.finish_reason == "stop"
    ]
    assert len(rows) >= 12
    return request.param.__name__, folder, student, end_ids, rows


def batches(folder, student, rows, out, **settings):
    from trl import SFTConfig, SFTTrainer

    trained, _ = training_rows(
        Dataset.from_list(rows, features=SFT_FEATURES),
        student.tokenizer,
        max_tokens=512,
        eos_ids=student.eos_ids,
    )
    args = SFTConfig(
        str(out),
        per_device_train_batch_size=3,
        report_to="none",
        use_cpu=True,
        bf16=False,
        dataloader_pin_memory=False,
        **settings,
    )
    trainer = SFTTrainer(
        AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32),
        args=args,
        train_dataset=trained,
        processing_class=student.tokenizer,
    )
    return list(trainer.get_train_dataloader())


def test_a_padded_batch_holds_the_sampled_ids(family, tmp_path):
    _, folder, student, end_ids, rows = family
    seen = []
    for batch in batches(folder, student, rows, tmp_path, max_length=None):
        for ids, labels in zip(batch["input_ids"].tolist(), batch["labels"].tolist()):
            trained = [i for i, label in enumerate(labels) if label != IGNORED]
            first, last = trained[0], trained[-1]
            assert trained == list(range(first, last + 1))  # no hole, EOS included
            assert labels[first : last + 1] == ids[first : last + 1]
            assert labels[last] in end_ids
            seen.append((ids[:first], ids[first : last + 1]))
    assert sorted(seen) == sorted((r["prompt_ids"], r["completion_ids"]) for r in rows)


def test_packing_holds_the_sampled_ids(family, tmp_path):
    _, folder, student, _, rows = family
    longest = max(len(r["prompt_ids"]) + len(r["completion_ids"]) for r in rows)
    seen = []
    found = batches(folder, student, rows, tmp_path, packing=True, max_length=2 * longest)
    for batch in found:
        (ids,), (labels,), (positions,) = (
            batch[name].tolist() for name in ("input_ids", "labels", "position_ids")
        )
        for i, label, position in zip(ids, labels, positions, strict=True):
            if position == 0:
                seen.append(([], []))
            seen[-1][label != IGNORED].append(i)
            assert label in (IGNORED, i)
    assert sorted(seen) == sorted((r["prompt_ids"], r["completion_ids"]) for r in rows)
    assert sum(len(b["position_ids"][0]) for b in found) == sum(
        len(r["prompt_ids"]) + len(r["completion_ids"]) for r in rows
    )


def test_packed_rows_do_not_see_each_other(family, tmp_path):
    """A row's logits inside a packed row are those of the row alone, positions from 0."""
    _, folder, student, _, rows = family
    longest = max(len(r["prompt_ids"]) + len(r["completion_ids"]) for r in rows)
    packed = batches(folder, student, rows, tmp_path, packing=True, max_length=2 * longest)
    model = AutoModelForCausalLM.from_pretrained(folder, dtype=torch.float32).eval()
    batch = max(packed, key=lambda b: int((b["position_ids"] == 0).sum()))
    starts = (batch["position_ids"][0] == 0).nonzero().flatten().tolist()
    assert len(starts) > 1
    fed = {k: v for k, v in batch.items() if k != "labels"}
    with torch.inference_mode():
        together = model(**fed, use_cache=False).logits[0]
        for start, end in zip(starts, [*starts[1:], len(together)], strict=True):
            alone = model(input_ids=batch["input_ids"][:, start:end]).logits[0]
            torch.testing.assert_close(together[start:end], alone, rtol=1e-4, atol=1e-4)
        # Without the positions they would: what this test tells apart.
        one_row = model(input_ids=batch["input_ids"]).logits[0]
        assert not torch.allclose(one_row[starts[1] :], together[starts[1] :], atol=1e-2)


def split_batch(ids, labels):
    """(prompt, completion) of each row of a padded batch."""
    rows = []
    for row, marks in zip(ids, labels, strict=True):
        trained = [i for i, mark in enumerate(marks) if mark != IGNORED]
        first, end = trained[0], trained[-1] + 1
        assert marks[first:end] == row[first:end]
        rows.append((row[:first], row[first:end]))
    return rows


def train_recorded(folder, out, *callbacks, resume=None):
    """One epoch by the recipe's own path, in process; every batch fed, and the final weights."""
    from trl import ModelConfig, SFTConfig

    from hf_lore.training.recipe_config import LawEval, SftData
    from hf_lore.training.sft import sft_trainer

    settings = SFTConfig(
        str(out),
        num_train_epochs=1,
        per_device_train_batch_size=3,
        max_length=None,
        learning_rate=1e-3,
        save_strategy="steps",
        save_steps=2,
        report_to="none",
        use_cpu=True,
        bf16=False,
        dataloader_pin_memory=False,
    )
    data = SftData(dataset_name=str(folder / "ds"))
    model = ModelConfig(model_name_or_path=str(folder))
    trainer, _ = sft_trainer(data, LawEval(), settings, model)
    for callback in callbacks:
        trainer.add_callback(callback)
    fed = []

    def note(_module, _args, batch):
        fed.append(split_batch(batch["input_ids"].tolist(), batch["labels"].tolist()))

    trainer.model.register_forward_pre_hook(note, with_kwargs=True)
    trainer.train(resume_from_checkpoint=resume)
    return fed, trainer.model.state_dict()


def test_stopped_and_resumed_each_row_is_trained_on_once_and_alike(family, tmp_path):
    from transformers import TrainerCallback

    class StopAtCheckpoint(TrainerCallback):
        def on_save(self, args, state, control, **more):
            control.should_training_stop = True

    _, folder, _, _, rows = family
    write_sft_folder(folder / "ds", rows)
    wanted = sorted((r["prompt_ids"], r["completion_ids"]) for r in rows)
    whole, weights = train_recorded(folder, tmp_path / "whole")
    assert sorted(row for batch in whole for row in batch) == wanted
    before, _ = train_recorded(folder, tmp_path / "stopped", StopAtCheckpoint())
    assert before == whole[:2]
    after, resumed = train_recorded(
        folder, tmp_path / "stopped", resume=str(tmp_path / "stopped" / "checkpoint-2")
    )
    assert after == whole[2:]
    assert len(after) >= 2
    assert all(torch.equal(resumed[name], weights[name]) for name in weights)


@pytest.mark.slow
def test_two_processes_share_the_sampled_ids(family, tmp_path):
    name, folder, _, _, rows = family
    if name == "r1_distill":
        pytest.skip("test_recipe_resume.py trains this one on two processes")
    rows = rows[: len(rows) // 4 * 4]  # whole batches: nothing is drawn twice to fill the last
    write_sft_folder(folder / "ds", rows)
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "-m", "torch.distributed.run", "--nproc_per_node", "2"]
    command += ["--master_port", str(port), "tests/record_labels.py", str(tmp_path / "b.jsonl")]
    command += ["recipes/sft_compo.py", "--config", "recipes/tiny/sft_compo.yaml"]
    command += ["--dataset_name", str(folder / "ds"), "--model_name_or_path", str(folder)]
    command += ["--output_dir", str(tmp_path / "out"), "--num_train_epochs", "1"]
    command += ["--per_device_train_batch_size", "2"]
    done = subprocess.run(
        command,
        cwd=ROOT,
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    seen = []
    for line in (tmp_path / "b.jsonl").read_text().splitlines():
        batch = json.loads(line)
        assert len(batch["input_ids"]) == 2
        seen += split_batch(batch["input_ids"], batch["labels"])
    assert sorted(seen) == sorted((r["prompt_ids"], r["completion_ids"]) for r in rows)


def test_the_template_itself_would_have_spoilt_them(family):
    """What the fixtures are for: were the template kind, the tests above would show little."""
    name, _, student, _, rows = family
    tokenizer = student.tokenizer

    def turns(answer):
        said = [{"role": "user", "content": "Q"}, {"role": "assistant", "content": answer}]
        return tokenizer.apply_chat_template(said, tokenize=False)

    if name == "r1_distill":
        assert "so" not in turns("so</think>7")
        text = tokenizer.apply_chat_template([{"role": "user", "content": "Q"}], tokenize=False)
        assert tokenizer(text)["input_ids"].count(tokenizer.bos_token_id) == 2
    elif name == "qwen3":
        assert "<think>\nso\n</think>\n\n7" in turns("<think>\n\nso</think>7")
        assert "<think>\n\n</think>\n\nso" in turns("so")
    else:
        assert turns("so").endswith("<|end|><|endoftext|>")  # two ends, where the model emits one
        assert len(tokenizer("</think>")["input_ids"]) > 1
    # Of text, other ids: decoding and encoding is not the identity.
    again = [
        tokenizer(r["completion"], add_special_tokens=False)["input_ids"] == r["completion_ids"]
        for r in rows
    ]
    assert not all(again)
