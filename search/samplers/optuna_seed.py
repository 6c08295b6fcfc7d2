"""Seeds of Optuna's samplers: a new sampler for each trial, so that none keeps state."""

from trainer.seeds import derive_seed

__all__ = ["optuna_seed"]

SEED_LIMIT = 2**32  # Optuna's samplers take 32-bit seeds


def optuna_seed(seed: int, number: int) -> int:
    """Seed of the sampler that proposes the parameters of one trial.

    Args:
        seed: Seed of the study.
        number: Number of the trial.
    """
    return derive_seed(seed, number, "sampler") % SEED_LIMIT
