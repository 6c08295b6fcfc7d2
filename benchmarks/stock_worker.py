"""One of several workers of stock Optuna: ``study.optimize`` on ``RDBStorage``.

    python -m benchmarks.stock_worker ADDRESS STUDY TRIALS SECONDS

Each trial draws seven numbers and reports eight times, once every SECONDS; nothing is computed.
"""

import sys
import time

import optuna
from optuna.study import MaxTrialsCallback

__all__ = ["REPORTS", "main"]

PARAMETERS, REPORTS = 7, 8


def main() -> None:
    """Work until TRIALS trials are complete."""
    address, name, trials, seconds = sys.argv[1:]
    storage = optuna.storages.RDBStorage(address, engine_kwargs={"pool_pre_ping": True})
    study = optuna.load_study(study_name=name, storage=storage)

    def objective(trial: optuna.Trial) -> float:
        values = [trial.suggest_float(f"x{index}", 0.0, 1.0) for index in range(PARAMETERS)]
        for step in range(1, REPORTS + 1):
            time.sleep(float(seconds))
            trial.report(sum(values) * step, step)
            if trial.should_prune():
                raise optuna.TrialPruned
        return sum(values) * REPORTS

    ended = (optuna.trial.TrialState.COMPLETE, optuna.trial.TrialState.PRUNED)
    study.optimize(objective, callbacks=[MaxTrialsCallback(int(trials), states=ended)])


if __name__ == "__main__":
    main()
