"""Trivial trials with stock Optuna: one of several processes of ``study.optimize``.

    python -m benchmarks.plain_search ADDRESS STUDY TRIALS REPORTS PARAMETERS

Prints, as JSON, how many statements and commits its trials took.
"""

import dataclasses
import json
import sys

import optuna

from benchmarks.statements import count_statements

__all__ = ["main"]


def main() -> None:
    """Run the trials."""
    address, name, *numbers = sys.argv[1:]
    trials, reports, parameters = map(int, numbers)
    optuna.logging.set_verbosity(optuna.logging.WARNING)
    storage = optuna.storages.RDBStorage(address)
    sampler = optuna.samplers.TPESampler(n_startup_trials=20)
    study = optuna.load_study(
        study_name=name, storage=storage, sampler=sampler, pruner=optuna.pruners.NopPruner()
    )
    counts = count_statements(storage.engine)

    def objective(trial: optuna.Trial) -> float:
        values = [trial.suggest_float(f"x{index}", 0.0, 1.0) for index in range(parameters)]
        for step in range(1, reports + 1):
            trial.report(sum(values) * step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return sum(values) * reports

    study.optimize(objective, n_trials=trials)
    print(json.dumps(dataclasses.asdict(counts)))


if __name__ == "__main__":
    main()
