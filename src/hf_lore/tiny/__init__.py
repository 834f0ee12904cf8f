"""The tiny reasoner: a model of under a million weights that ships with the package.

It is a patient built to have a disease: it underthinks composites, because its training traces do.
It shows that the pipeline works from end to end on a laptop; it is no evidence about large models.
Importing this loads neither torch nor transformers.
"""

from pathlib import Path

from .world import render_trace, tiny_questions

__all__ = ["render_trace", "tiny_path", "tiny_questions"]


def tiny_path() -> Path:
    """The folder of the shipped weights and tokenizer, as `from_pretrained` takes it."""
    return Path(__file__).parent / "weights"
