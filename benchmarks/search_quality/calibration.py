"""How well criteria without labels follow the labelled mIoU, on every recorded set.

    python -m benchmarks.search_quality.calibration

computes the tables of ``docs/choosing-without-labels.md`` from the public table of recorded runs
(``benchmarks.search_quality.public_table``), with the statistics that ``python -m search
calibrate`` prints for a study.
"""

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.markdown import markdown_table
from benchmarks.search_quality.public_table import TableRun, read_sets, read_table
from search.quality.calibration import (
    LOWER,
    TARGET,
    Calibrated,
    Calibration,
    Floor,
    NotCalibrated,
    calibrate,
)
from trainer.seeds import numpy_generator

__all__ = ["calibrations", "text"]

NOTHING = "Nothing was measured yet."
LABEL_FREE = "label_free"
#: Searches by chance, to try the floor rule: how many per seed, and runs in each.
POOLS, POOL = 1000, 20
REFERENCES = ("kmeans", "defaults")
#: Goals: the label-free pick's share of the labelled pick's mIoU, in percent, and the correlation
#: with means over seeds.
SHARE, RHO = 95.0, 0.8
#: Criteria that are printed first; the others follow by name.
FIRST = ("accuracy", "linear_miou", LABEL_FREE)


def calibrations(runs: Sequence[TableRun]) -> dict[str, Calibration]:
    """Each set with enough runs, by its name."""
    found = {}
    for name in dict.fromkeys(run.set for run in runs):
        own = [run for run in runs if run.set == name]
        drawn = [run.numbers() for run in own if run.kind == "run"]
        references = {
            kind: [run.numbers() for run in own if run.kind == kind] for kind in REFERENCES
        }
        made = calibrate(
            drawn,
            repeats=drawn,
            references={kind: each for kind, each in references.items() if each},
        )
        if not isinstance(made, NotCalibrated):
            found[name] = made
    return found


def text(runs: Sequence[TableRun], sets: Mapping[str, Mapping[str, Any]]) -> str:
    """Both tables, and whether the goals are met."""
    found = calibrations(runs)
    if not found:
        return NOTHING
    return "\n\n".join(
        [
            _picks(found, sets),
            _correlations(found),
            "\n".join(_goals(found)),
            f"The floor rule on picks from {POOL} runs of one seed, drawn {POOLS:,} times a seed:",
            _floor_rule(runs, found),
        ]
    )


def _picks(found: Mapping[str, Calibration], sets: Mapping[str, Mapping[str, Any]]) -> str:
    head = (
        *("set", "settings", "runs", "reliability", "constant", "K-means", "defaults", "median"),
        *("labelled pick", "label-free pick", "of labelled", "regret 1 / 5 / 10", "worst of 10"),
        "floor rule",
    )
    return markdown_table(head, [_pick(name, each, sets[name]) for name, each in found.items()])


def _pick(name: str, found: Calibration, head: Mapping[str, Any]) -> list[object]:
    free = _criterion(found, LABEL_FREE)
    if free is None:
        return [name, found.settings, found.runs, *[""] * 11]
    return [
        name,
        found.settings,
        found.runs,
        "" if found.reliability is None else f"{found.reliability:.2f}",
        float(head["constant_miou"]),
        *(found.references.get(each, "") for each in REFERENCES),
        found.median,
        found.labelled,
        free.worth,
        f"{free.share:.0f} %",
        " / ".join(f"{regret:.1f}" for regret in free.regret.values()),
        free.worst,
        _floor(found, free),
    ]


def _floor_rule(runs: Sequence[TableRun], names: Iterable[str]) -> str:
    """How often a pick is above both references, and how often that is said."""
    head = (
        *("set", "picks above both references, %", "rule", "said to be, %", "and are not, %"),
        "are and not said to be, %",
    )
    rows: list[list[object]] = []
    for name in names:
        tried = _tried(name, [run for run in runs if run.set == name])
        for rule in RULES:
            if not tried:
                continue
            good = [each.good for each in tried]
            said = [each.said[rule] for each in tried]
            wrong = sum(s and not g for s, g in zip(said, good, strict=True))
            unsaid = sum(g and not s for s, g in zip(said, good, strict=True))
            percent = [100 * count / len(tried) for count in (sum(good), sum(said), wrong, unsaid)]
            first, *rest = (f"{each:.0f}" for each in percent)
            rows.append([name, first, rule, *rest])
    return markdown_table(head, rows)


RULES = ("the score alone", "each part, and clusters not merged")


@dataclass(frozen=True, kw_only=True)
class _Tried:
    """A pick of the label-free score."""

    #: Whether its mIoU is above that of both references.
    good: bool
    #: Whether a rule says so.
    said: Mapping[str, bool]


def _tried(name: str, runs: Sequence[TableRun]) -> list[_Tried]:
    generator, found = numpy_generator(0, "floor rule", name), []
    for seed in sorted({run.seed for run in runs}):
        own = [run for run in runs if run.seed == seed]
        drawn = [run.numbers() for run in own if run.kind == "run"]
        references = [run for run in own if run.kind in REFERENCES]
        if len(drawn) < POOL or len(references) < len(REFERENCES):
            continue
        floor = Floor.of({run.kind: [run.numbers()] for run in references})
        for _ in range(POOLS):
            chosen = generator.choice(len(drawn), POOL, replace=False)
            pick = max((drawn[index] for index in chosen), key=lambda run: run.number(LABEL_FREE))
            said = (
                floor.above(LABEL_FREE, pick.number(LABEL_FREE)),
                not floor.fires(LABEL_FREE, pick),
            )
            good = floor.above(TARGET, pick.number(TARGET))
            found.append(_Tried(good=good, said=dict(zip(RULES, said, strict=True))))
    return found


def _floor(found: Calibration, each: Calibrated) -> str:
    """How often the rule fires, of how many picks, and whether it is right."""
    if not found.references:
        return ""
    missed, needless = each.below - each.caught, each.fires - each.caught
    said = f"fires {each.fires} of {found.rounds}"
    notes = [
        f"{count} {word}" for count, word in ((missed, "missed"), (needless, "needless")) if count
    ]
    return f"{said} ({', '.join(notes)})" if notes else said


def _correlations(found: Mapping[str, Calibration]) -> str:
    names = {each.name for made in found.values() for each in made.criteria} - {TARGET}
    order = [*(name for name in FIRST if name in names), *sorted(names - set(FIRST))]
    rows: list[list[object]] = [
        ["*ceiling*", *(_pair(made.ceiling, made.ceiling_means) for made in found.values())]
    ]
    for name in order:
        cells = [_criterion(made, name) for made in found.values()]
        title = f"`{name}`{' (low)' if name in LOWER else ''}"
        rows.append(
            [title, *("" if each is None else _pair(each.rho, each.rho_means) for each in cells)]
        )
    return markdown_table(("criterion", *found), rows)


def _pair(single: float | None, means: float | None) -> str:
    """Over runs, and over means of seeds."""
    first = "-" if single is None else f"{single:.2f}"
    return first if means is None else f"{first} / {means:.2f}"


def _goals(found: Mapping[str, Calibration]) -> list[str]:
    free = {name: _criterion(made, LABEL_FREE) for name, made in found.items()}
    known = {name: each for name, each in free.items() if each is not None}
    near = sum(each.share >= SHARE for each in known.values())
    below = [name for name, each in known.items() if each.below]
    missed = [name for name, each in known.items() if each.below > each.caught]
    reached = [
        name
        for name, each in known.items()
        if each.rho_means is not None and each.rho_means >= RHO
    ]
    within = [
        name
        for name, made in found.items()
        if made.ceiling_means is not None and made.ceiling_means >= RHO
    ]
    return [
        f"- The label-free pick has at least {SHARE:.0f} % of the labelled pick's mIoU on"
        f" {near} of {len(known)} sets.",
        f"- It is not above K-means or the defaults on {_listed(below)}; the floor rule misses"
        f" this on {_listed(missed)}.",
        f"- On means over seeds, its correlation is at least {RHO} on {_listed(reached)}; the"
        f" ceiling allows that on {_listed(within)}.",
    ]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(f"`{name}`" for name in names) or "no set"


def _criterion(found: Calibration, name: str) -> Calibrated | None:
    """A criterion; None if it was computed in no run."""
    chosen = [each for each in found.criteria if each.name == name and each.runs]
    return chosen[0] if chosen and not math.isnan(chosen[0].worth) else None


if __name__ == "__main__":
    print(text(read_table(), read_sets()))
