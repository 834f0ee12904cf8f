"""Grading inside datatrove's steps, in the processes that its local executor makes."""

import json
import subprocess
import sys
import textwrap

import pytest

pytest.importorskip("datatrove", reason="datatrove is not installed (the dev extra)")

SCRIPT = """
    import json
    import sys
    from datatrove.data import Document
    from datatrove.executor import LocalPipelineExecutor
    from hf_lore.verification import grade

    def read(data, rank=0, world_size=1):
        for i in range(rank, 6, world_size):
            yield Document(text=f"so \\\\boxed{{{i}+t}}", id=str(i))

    def verify(data, rank=0, world_size=1):
        for document in data:
            # Even ones are right; both need algebra, so both need a worker.
            gold = f"t+{document.id}" if int(document.id) % 2 == 0 else "t-7"
            document.metadata["status"] = grade(document.text, gold, timeout_s=60.0).status
            yield document

    def write(data, rank=0, world_size=1):
        with open(f"{sys.argv[1]}/{rank}.jsonl", "w") as out:
            for document in data:
                out.write(json.dumps([document.id, document.metadata["status"]]) + "\\n")
                yield document

    if __name__ == "__main__":
        LocalPipelineExecutor(
            pipeline=[read, verify, write], tasks=2, workers=2, logging_dir=f"{sys.argv[1]}/logs"
        ).run()
"""


def test_two_tasks_in_two_processes(tmp_path):
    script = tmp_path / "steps.py"
    script.write_text(textwrap.dedent(SCRIPT))
    done = subprocess.run(
        [sys.executable, str(script), str(tmp_path)], capture_output=True, text=True, timeout=300
    )
    assert done.returncode == 0, done.stderr[-2000:]
    found = dict(
        json.loads(line) for p in tmp_path.glob("*.jsonl") for line in p.read_text().splitlines()
    )
    assert found == {str(i): "correct" if i % 2 == 0 else "wrong" for i in range(6)}
