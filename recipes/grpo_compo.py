"""GRPO with the compositionality law as a reward, beside the answer's correctness.

    accelerate launch --config_file recipes/accelerate_configs/single_gpu.yaml \
        recipes/grpo_compo.py --config recipes/tiny/grpo_compo.yaml

Every field of trl's GRPOConfig and ModelConfig is a YAML key and a flag. `reward_weights`
are those of the answer and of compositionality, in this order. The dataset holds composites: a run
directory, a lore-compo folder or a Hub id. `num_train_epochs` passes over them, each shuffled anew.
"""

from typing import TYPE_CHECKING

from hf_lore.training.recipe_config import CompositeData, RecipeParser, run_recipe

if TYPE_CHECKING:
    from trl import GRPOConfig, ModelConfig


def make_parser(prog: str | None = None) -> RecipeParser:
    from trl import GRPOConfig, ModelConfig

    return RecipeParser(
        (CompositeData, GRPOConfig, ModelConfig), defaults={"shuffle_dataset": False}, prog=prog
    )


def main(data: CompositeData, training: "GRPOConfig", model: "ModelConfig") -> None:
    from hf_lore.training.grpo import grpo_trainer
    from hf_lore.training.student import last_checkpoint

    resume = last_checkpoint(training.output_dir, training.resume_from_checkpoint)
    trainer = grpo_trainer(data, training, model)
    trainer.accelerator.print(f"resuming from {resume}" if resume else "starting afresh")
    trainer.train(resume_from_checkpoint=resume)
    trainer.save_model()
    trainer.save_state()
    trainer.accelerator.print(f"saved to {training.output_dir}")
    if training.push_to_hub:
        trainer.push_to_hub(dataset_name=data.dataset_name)


if __name__ == "__main__":
    run_recipe(make_parser, main)
