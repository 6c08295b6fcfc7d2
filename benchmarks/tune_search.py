"""The same trivial trials with Ray Tune and its ``OptunaSearch``; needs ``ray[tune]`` and Optuna.

    python benchmarks/tune_search.py ADDRESS STUDY TRIALS WORKERS REPORTS PARAMETERS

Imports nothing of this project, so that it may run in an environment of its own.
"""

import sys
from typing import Any

import optuna

__all__ = ["main"]


def main() -> None:
    """Search."""
    address, name, *numbers = sys.argv[1:]
    trials, workers, reports, parameters = map(int, numbers)
    import ray
    from ray import tune
    from ray.tune.search import ConcurrencyLimiter
    from ray.tune.search.optuna import OptunaSearch

    def objective(config: dict[str, float]) -> None:
        for step in range(1, reports + 1):
            tune.report({"score": sum(config.values()) * step})

    ray.init(num_cpus=workers, include_dashboard=False)
    search: Any = OptunaSearch(
        space={
            f"x{index}": optuna.distributions.FloatDistribution(0.0, 1.0)
            for index in range(parameters)
        },
        study_name=name,
        storage=optuna.storages.RDBStorage(address),
        sampler=optuna.samplers.TPESampler(n_startup_trials=20),
        metric="score",
        mode="max",
    )
    tune.Tuner(
        objective,
        tune_config=tune.TuneConfig(
            search_alg=ConcurrencyLimiter(search, max_concurrent=workers), num_samples=trials
        ),
        run_config=tune.RunConfig(verbose=0),
    ).fit()


if __name__ == "__main__":
    main()
