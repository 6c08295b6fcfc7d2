"""Run the rows of a comparison table: each has a search, fresh runs, and test scores.

A row that is finished is only read, and one that was interrupted continues, because its study
does. Nothing is stored about the table itself.
"""

import dataclasses
import json
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from search.config.comparison_table import ComparisonTable, Measured
from search.config.configuration import LaunchConfig, differences
from search.driver.driver import Ending
from search.driver.parts import STANDARD_PARTS, Parts
from search.errors import FailureBudget, StudyError
from search.launch.finalists import check_repeats, plan_confirmation
from search.launch.launching import launch
from search.launch.notices import show_notes
from search.launch.output import Output
from search.launch.request import Launch
from search.launch.stored_study import check_fingerprints, configure, find_stored
from search.machine.run_options import RunOptions
from search.planning.checking import check_dataset
from search.records.confirmation import ConfirmationPlan
from search.reporting.comparison_table.table_view import DONE, RowState, state_of
from search.reporting.reading import read_details
from search.reporting.study_details import StudyDetails
from storage.database import Database
from storage.studies import check_name
from trainer.console.durations import about_text
from trainer.console.shell import Command, search_command, shell_text
from trainer.features import fingerprints_of
from trainer.features.prepare import made_from
from trainer.methods import feature_maps

__all__ = ["TableRun", "check_table"]


def check_table(table: ComparisonTable, say: Callable[[str], None]) -> None:
    """Check the data, weights and names of every row, before a database is opened.

    Args:
        table: The table.
        say: Prints notes about the data.

    Raises:
        ConfigError, DataError, WeightsError, SettingsError: If a row cannot run.
    """
    check_repeats(top=table.finalists, seeds=table.seeds)
    shown: set[str] = set()
    checked: set[str] = set()

    def once(text: str) -> None:
        if text not in shown:
            shown.add(text)
            say(text)

    for _, measured in table.measured:
        check_name(measured.study)
        inputs = _inputs(measured.config)  # rows on the same data have the same objective
        if inputs not in checked:
            checked.add(inputs)
            show_notes(check_dataset(measured.config), once)


@dataclass(frozen=True, kw_only=True)
class TableRun:
    """Runs a table in one database."""

    table: ComparisonTable
    database: Database
    options: RunOptions
    output: Output
    parts: Parts = STANDARD_PARTS
    #: Called after every row that this process ran.
    after_row: Callable[[], None]
    #: The command that continues the table; None to name that of the row's study in messages.
    command: Command | None = None

    def check(self) -> None:
        """Compare the rows with stored studies of their names, before any work.

        Raises:
            StudyError: If such a study has other settings, data or weights, or more trials.
        """
        known: dict[str, dict[str, str]] = {}
        for _, measured in self.table.measured:
            self._check_settings(measured, known)
            details = self._stored(measured)
            if details is not None and details.view.counts.finished > measured.trials:
                raise StudyError(
                    f"--trials {measured.trials} is too small: study {measured.study} has already"
                    f" finished {details.view.counts.finished}; give as many, or rename the table"
                    " to start anew"
                )

    def _check_settings(self, measured: Measured, known: dict[str, dict[str, str]]) -> None:
        """Compare data, weights, and every setting, also those that a preset decides.

        ``launch`` compares only those of file and flags: a line deleted from the file would go
        unnoticed, and its row would show a study made with that line.

        Args:
            measured: The row's study.
            known: Fingerprints of the inputs of earlier rows; those of this row are added.

        Raises:
            StudyError: If the stored study has others.
        """
        stored = find_stored(self.database, measured.study)
        if stored is None:
            return
        config = LaunchConfig.from_stored(stored.config)
        found = differences(config.to_table(), measured.config.to_table())
        if found:
            raise StudyError(
                f"study {measured.study} was created with other settings than its row has"
                f" ({'; '.join(found)}): restore them in the file, or give the row another name"
                " to start it anew"
            )
        inputs = _inputs(measured.config)
        if inputs not in known:
            with self.output.open_preparing() as show_step:
                known[inputs] = fingerprints_of(
                    measured.config.train, cache=self.options.paths.cache, progress=show_step
                )
        check_fingerprints(stored, known[inputs])

    def run(self) -> bool:
        """Run every row that is not finished, in order.

        A row whose runs keep failing is left as it is, and the next one begins.

        Returns:
            False if the table was stopped, or such a row is not finished.
        """
        rows = self.table.measured
        seconds: list[float] = []
        failed: list[str] = []
        for number, (row, measured) in enumerate(rows, start=1):
            title = f"row {number} of {len(rows)}: {row.texts.title}"
            state = self._state(measured)
            if state in DONE:
                words = "no usable run" if state == "unusable" else "finished before"
                self.output.say(f"{title}: {words}, study {measured.study}")
                continue
            self.output.say(f"{title}: study {measured.study}")
            began = time.monotonic()
            if not self._run_or_fail(measured):
                return False
            if self._state(measured) in DONE:
                seconds.append(time.monotonic() - began)
                self.output.say(_progress(number, len(rows), seconds))
            else:
                failed.append(measured.study)
                self.output.say(f"row {number} of {len(rows)} is not finished: its runs failed")
            self.after_row()
        if failed:
            self.output.say(_not_finished(failed))
        return not failed

    def _run_or_fail(self, measured: Measured) -> bool:
        """Run a row until it is finished or its runs keep failing; returns False if stopped."""
        try:
            return self._run(measured)
        except FailureBudget:  # the fault may be the row's own; its state tells that it is open
            return True

    def _run(self, measured: Measured) -> bool:
        """Search and confirm, as far as either lacks; returns False if it was stopped."""
        state = self._state(measured)
        if state in ("not started", "searching"):
            if not self._launch(measured, None):
                return False
            state = self._state(measured)
        if state == "unusable":
            self.output.say(f"study {measured.study} has no complete trial: nothing to confirm")
            return True
        details = read_details(self.database, measured.study)
        plan = plan_confirmation(
            details.view,
            details.assessment,
            top=self.table.finalists,
            seeds=self.table.seeds,
            references=(),
        )
        return self._launch(measured, plan)

    def _launch(self, measured: Measured, plan: ConfirmationPlan | None) -> bool:
        # `check` has compared the preset; `launch` would announce that it is the stored one.
        layers = dataclasses.replace(measured.layers, asked=False)
        request = Launch(
            study=measured.study,
            layers=layers,
            config=configure(self.database, measured.study, layers),
            options=self.options,
            confirmation=plan,
            command=self.command,
        )
        result = launch(request, self.database, self.output, self.parts)
        if result.ending is Ending.STOPPED:
            self.output.say(f"stopped: {result.reason}")
        return result.ending is Ending.FINISHED

    def _state(self, measured: Measured) -> RowState:
        details = self._stored(measured)
        return "not started" if details is None else state_of(self.table, measured, details)

    def _stored(self, measured: Measured) -> StudyDetails | None:
        if find_stored(self.database, measured.study) is None:
            return None
        return read_details(self.database, measured.study)


def _inputs(config: LaunchConfig) -> str:
    """Equal for rows that read the same features, so that data and weights are loaded once."""
    maps = [each.name for each in feature_maps(config.train)]
    return json.dumps([made_from(config.train), maps], sort_keys=True)


def _not_finished(studies: Sequence[str]) -> str:
    """Which rows are not finished because their runs failed, and how to continue."""
    first = shell_text(search_command("status", "--failures", study=studies[0]))
    return (
        f"not finished: {', '.join(studies)}; `{first}` shows the errors of the first: fix the"
        " cause, and run the table again"
    )


def _progress(number: int, count: int, seconds: Sequence[float]) -> str:
    """How far the table is; an estimate from the rows that this process ran."""
    left = count - number
    text = f"row {number} of {count} is done"
    if left == 0:
        return text
    each = sum(seconds) / len(seconds)
    return f"{text}: {left} left, about {about_text(left * each)} if they take as long"
