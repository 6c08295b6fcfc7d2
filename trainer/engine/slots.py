"""Slots: runs of the same structure that train together, each with its own row of every tensor.

Letters of shapes: ``docs/architecture.md``, and L loss terms.

A single run is one slot. Slots share only the frozen features: each has its own seed,
hyper-parameters, learning rates and draws. One step is one batch per slot and one update of the
model and of both probes. A slot can begin another run at any time, and any of the slots can step
while the others wait: no run depends on its neighbours.

In memory, a row contains the gaps of its layout; states and weights are returned without them.
"""

import dataclasses
import math
from collections.abc import Iterable, Sequence
from typing import Any

import torch
from torch import Tensor

from trainer.config.configuration import TrainConfig
from trainer.engine.batches import Batches
from trainer.engine.config_differences import config_table, differences, without_paths
from trainer.engine.epochs import SlotDraws
from trainer.engine.groups import Groups
from trainer.engine.initial_rows import InitialRows, initial_rows
from trainer.engine.optimiser import AdamState, adam_step
from trainer.engine.slot_layouts import SlotLayouts
from trainer.engine.slot_rows import SlotRows
from trainer.errors import ConfigError
from trainer.features.dataset_features import DatasetFeatures, TestSplit, ValSplit
from trainer.losses.draws import DrawPlan, StepDraws, stack_draws
from trainer.methods import build_method, feature_maps, step_values
from trainer.methods.base import OWN_CENTRES, StepTerms
from trainer.nn.parameters import Layout, Views
from trainer.nn.precision import products_in
from trainer.nn.transfer import send
from trainer.scoring.evaluation import Evaluation, Scored, evaluate
from trainer.scoring.label_free.judge import judge_of
from trainer.scoring.probes import CENTRES, cluster_loss, linear_loss
from trainer.seeds import torch_generator

__all__ = ["Slots", "gradient_of", "trainable"]

#: Rows that predictions depend on: the checkpoint weights.
WEIGHTS = ("model.leaf_SP", "probes.leaf_SP", "buffers")
#: Rows that older checkpoints lack; their values are unknown until the next report.
ADDED_LATER = ("term_sums",)


class Slots:
    """S runs on one device."""

    def __init__(
        self,
        structure: TrainConfig,
        dataset_features: DatasetFeatures,
        device: torch.device,
        *,
        count: int,
    ) -> None:
        """Prepare slots in which runs can :meth:`begin`.

        Args:
            structure: The configuration of all runs, but for their seeds, hyper-parameters and
                learning rates.
            dataset_features: The features to train on.
            device: Where to train.
            count: Number of slots S.

        Raises:
            ConfigError: If the method is unknown, the configuration's modalities differ from
                those of the features, the features lack a map that the method reads, or the
                runs would never be evaluated.
        """
        _check_modalities(structure, dataset_features)
        self._config, self._dataset_features, self._device = structure, dataset_features, device
        # a run ends at its last evaluation, and so do schedules in shares of it
        self._iterations = structure.evaluate_at(crops=len(dataset_features.train))[-1]
        self._classes = len(dataset_features.classes)
        self._method = build_method(
            structure, channels=dataset_features.channels, classes=self._classes
        )
        self._clusters = self._classes + self._method.needs.extra_clusters
        self._layouts = SlotLayouts.of(self._method, classes=self._classes)
        self._batches = Batches(
            dataset_features.train,
            modalities=dataset_features.modalities,
            maps=feature_maps(structure),
            probe=structure.training.linear_probe,
            device=device,
        )
        self._groups = Groups.of(self._layouts.parameters, device)
        self._rows = self._empty_rows(count)
        self._draws: dict[int, SlotDraws] = {}
        #: Draws of steps that failed: the next step of the slot takes them.
        self._drawn: dict[int, StepDraws] = {}

    @classmethod
    def start(
        cls,
        configs: Sequence[TrainConfig],
        dataset_features: DatasetFeatures,
        device: torch.device,
    ) -> "Slots":
        """As many slots as configurations, each with its run begun.

        Raises:
            ConfigError: As for the constructor and :meth:`begin`.
        """
        slots = cls(configs[0], dataset_features, device, count=len(configs))
        for slot, config in enumerate(configs):
            slots.begin(slot, config)
        return slots

    def begin(self, slot: int, config: TrainConfig) -> None:
        """Begin a run from its seed; it replaces the slot's previous one.

        Raises:
            ConfigError: If a hyper-parameter is unknown or out of range, or the configuration
                has another structure than the slots.
        """
        self._check_structure(config)
        values = step_values(config)
        initial = initial_rows(config.seed, self._method, self._layouts, self._batches)
        self._write_initial(slot, initial)
        for name, value in values.items():
            self._rows.hyper[name][slot] = value
        self._rows.rate_S1[slot] = config.training.learning_rate
        self._rows.probe_rate_S1[slot] = config.training.probe_learning_rate
        self._draws[slot] = self._slot_draws(config.seed)
        self._drawn.pop(slot, None)

    def _write_initial(self, slot: int, initial: InitialRows) -> None:
        fresh = SlotRows.fresh(
            AdamState.fresh(initial.parameters),
            AdamState.fresh(initial.probes),
            initial.buffers,
            terms=len(self._method.terms),
        )
        new = fresh.stored()
        for name, rows in self._rows.stored().items():
            rows[slot] = new[name][0].to(self._device)

    def _empty_rows(self, count: int) -> SlotRows:
        def zeros(width: int) -> Tensor:
            return torch.zeros(count, width, device=self._device)

        names = step_values(self._config)
        return dataclasses.replace(
            SlotRows.fresh(
                AdamState.fresh(zeros(self._layouts.parameters.width)),
                AdamState.fresh(zeros(self._layouts.probes.width)),
                zeros(self._layouts.buffers.width),
                terms=len(self._method.terms),
            ),
            hyper={name: torch.zeros(count, device=self._device) for name in names},
        )

    def _check_structure(self, config: TrainConfig) -> None:
        found = differences(_structure(self._config), _structure(config))
        if found:
            raise ConfigError(
                f"runs that train together have one structure, but {'; '.join(found)}: only seed,"
                " hyper-parameters and learning rates may differ"
            )

    def _slot_draws(self, seed: int) -> SlotDraws:
        training, needs, split = (
            self._config.training,
            self._method.needs,
            self._dataset_features.train,
        )
        plan = DrawPlan(
            batch=min(training.batch_size, len(split)),
            ranks=min(training.partner_ranks, split.neighbours.shape[1]),
            maps=needs.maps,
            points=training.samples**2,
            random_draws=training.random_draws,
            masks=needs.masks,
            channels=self._dataset_features.channels,
            dropout=self._config.method.dropout,
            random_pairs=training.random_pairs,
            uniform=needs.uniform,
            tokens=self._batches.grid[0] * self._batches.grid[1],
        )
        return SlotDraws(plan, crops=len(split), generator=torch_generator(seed, "draws"))

    def __len__(self) -> int:
        return len(self._rows.finite_S)

    @property
    def dataset_features(self) -> DatasetFeatures:
        """The features that all slots share."""
        return self._dataset_features

    def step(self, slots: Iterable[int] | None = None) -> None:
        """Train slots on their next batches, without waiting for the GPU.

        If it raises, all slots are unchanged, and their next step repeats this one exactly.

        Args:
            slots: The slots to train, in which runs have begun; all by default.
        """
        chosen = range(len(self)) if slots is None else sorted(slots)
        for slot in chosen:
            if slot not in self._drawn:
                self._drawn[slot] = self._draws[slot].step()
        draws = stack_draws([self._drawn[slot] for slot in chosen])
        if len(chosen) == len(self):
            self._rows = self._trained(self._rows, draws)
        else:
            slots_S = send(torch.tensor(chosen), self._device)
            self._rows.put(slots_S, self._trained(self._rows.take(slots_S), draws))
        for slot in chosen:
            del self._drawn[slot]

    def _trained(self, rows: SlotRows, drawn: StepDraws) -> SlotRows:
        """New rows after a step; the given ones do not change."""
        batch = self._batches.read(
            drawn,
            positives=self._method.needs.positives,
            iteration_S=rows.model.steps_S1.squeeze(1),
            iterations=self._iterations,
        )
        draws = drawn.to(self._device)
        parameters = trainable(self._layouts.parameters, rows.model)
        probes = trainable(self._layouts.probes, rows.probes)
        buffers = self._layouts.buffers.views(rows.buffers_SP)
        with products_in(self._device, self._config.training.precision):
            output = self._method.step(parameters, buffers, batch, rows.hyper, draws)
        terms_LS = self._terms(output)
        loss_S = terms_LS.sum(dim=0)
        probe_loss_S = self._probe_loss(output.codes_SBTK.detach(), probes, draws)
        gradient_SP = gradient_of(self._layouts.parameters, loss_S, parameters)
        probe_gradient_SP = gradient_of(self._layouts.probes, probe_loss_S, probes)
        new, finite_S = self._updated(rows, gradient_SP, probe_gradient_SP, output)
        return dataclasses.replace(
            new,
            loss_sum_S=rows.loss_sum_S + loss_S.detach(),
            term_sums_SL=rows.term_sums_SL + terms_LS.detach().mT,
            finite_S=rows.finite_S & finite_S & loss_S.isfinite() & probe_loss_S.isfinite(),
        )

    def _terms(self, output: StepTerms) -> Tensor:
        """The method's loss terms with shape (L, S)."""
        names = self._method.terms
        if not names:
            return output.codes_SBTK.new_zeros(0, len(output.codes_SBTK))
        return torch.stack([output.terms[name] for name in names])

    def _updated(
        self, rows: SlotRows, gradient_SP: Tensor, probe_gradient_SP: Tensor, output: StepTerms
    ) -> tuple[SlotRows, Tensor]:
        """Model, buffers and probes after the update; whether each slot's updates were finite."""
        model, finite_S1 = self._groups.step(rows.model, gradient_SP, rate_S1=rows.rate_S1)
        if output.still:
            still_SP = self._layouts.parameters.chosen(output.still, slots=len(finite_S1))
            leaf_SP = torch.where(still_SP, rows.model.leaf_SP, model.leaf_SP)
            model = dataclasses.replace(model, leaf_SP=leaf_SP)
        buffers_SP = rows.buffers_SP
        if output.buffers:
            new_SP = self._layouts.buffers.leaf(output.buffers).detach()
            buffers_SP = torch.where(finite_S1, new_SP, buffers_SP)
        probes, probes_finite_S1 = adam_step(
            rows.probes, probe_gradient_SP, learning_rate_S1=rows.probe_rate_S1
        )
        new = dataclasses.replace(rows, model=model, buffers_SP=buffers_SP, probes=probes)
        return new, (finite_S1 & probes_finite_S1).squeeze(1)

    def _probe_loss(self, codes_SBTK: Tensor, views: Views, draws: StepDraws) -> Tensor:
        loss_S = cluster_loss(codes_SBTK, views, draws.sample_weight_SB)
        if not self._batches.labelled:
            return loss_S
        return loss_S + linear_loss(
            codes_SBTK,
            views,
            self._batches.labels(draws.queries_SB),
            grid=self._batches.grid,
            present_SB=draws.sample_weight_SB > 0,
        )

    def take_loss(self, slot: int) -> tuple[float, bool]:
        """Sum of a slot's losses since the last call, and whether all updates were finite."""
        loss, finite = float(self._rows.loss_sum_S[slot]), bool(self._rows.finite_S[slot])
        self._rows.loss_sum_S[slot] = 0
        self._rows.finite_S[slot] = True
        return loss, finite

    def take_terms(self, slot: int) -> dict[str, float]:
        """Sum of each of a slot's loss terms since the last call, by name."""
        sums = self._rows.term_sums_SL[slot].tolist()
        self._rows.term_sums_SL[slot] = 0
        return dict(zip(self._method.terms, sums, strict=True))

    def evaluate(self, slot: int, split: ValSplit | TestSplit) -> Evaluation:
        """Score a slot on a split; on val, its clusters are also judged without labels."""
        judge = judge_of(split, self._clusters) if isinstance(split, ValSplit) else None
        return evaluate(
            self.scored(slot),
            split,
            modalities=self._dataset_features.modalities,
            batch_size=self._config.evaluation.batch_size,
            device=self._device,
            judge=judge,
        )

    def scored(self, slot: int) -> Scored:
        """A slot's model and probes, on the device; they hold until its next step."""
        row = slice(slot, slot + 1)
        buffers = self._layouts.buffers.views(self._rows.buffers_SP[row])
        probes = self._layouts.probes.views(self._rows.probes.leaf_SP[row])
        if OWN_CENTRES in buffers:
            probes[CENTRES] = buffers[OWN_CENTRES]
        return Scored(
            method=self._method,
            parameters=self._layouts.parameters.views(self._rows.model.leaf_SP[row]),
            buffers=buffers,
            probes=probes,
            linear=self._batches.labelled,
        )

    def state(self, slot: int) -> dict[str, Tensor]:
        """Everything that a slot's next steps depend on, copied to the CPU."""
        assert slot not in self._drawn, "its last step failed and was not repeated"
        rows = self._rows.stored()
        tensors = {name: self._stored(name, rows[name][slot]) for name in rows}
        drawn = {f"draws.{key}": value for key, value in self._draws[slot].state().items()}
        return tensors | drawn

    def restore(self, slot: int, state: dict[str, Tensor]) -> None:
        """Restore a slot, in which the same run was begun, to a :meth:`state`."""
        for name, rows in self._rows.stored().items():
            missing = name in ADDED_LATER and name not in state
            rows[slot] = math.nan if missing else self._loaded(name, state[name])
        self._draws[slot].restore(
            {
                name.removeprefix("draws."): value
                for name, value in state.items()
                if name.startswith("draws.")
            }
        )

    def weights(self, slot: int) -> dict[str, Tensor]:
        """A slot's checkpoint weights, copied to the CPU."""
        rows = self._rows.stored()
        return {name: self._stored(name, rows[name][slot]) for name in WEIGHTS}

    def load_weights(self, slot: int, weights: dict[str, Tensor]) -> None:
        """Predict with these :meth:`weights` from now on; training must not continue."""
        rows = self._rows.stored()
        for name in WEIGHTS:
            rows[name][slot] = self._loaded(name, weights[name])

    def _stored(self, name: str, row: Tensor) -> Tensor:
        """A copy of a row as a checkpoint stores it, on the CPU."""
        return self._layouts.stored(name, row.detach()).cpu()

    def _loaded(self, name: str, stored: Tensor) -> Tensor:
        """A stored row as training uses it, on the device."""
        return self._layouts.loaded(name, stored).to(self._device)


def trainable(layout: Layout, state: AdamState) -> Views:
    """Views of the parameters that require a gradient."""
    views = layout.views(state.leaf_SP)
    return {name: view.detach().requires_grad_() for name, view in views.items()}


def gradient_of(layout: Layout, loss_S: Tensor, views: Views) -> Tensor:
    """Gradient of each slot's loss with respect to its own row: (S, P); 0 for what is unused."""
    if not views:
        return loss_S.new_zeros(len(loss_S), 0)
    gradients = torch.autograd.grad(
        loss_S.sum(), tuple(views.values()), allow_unused=True, materialize_grads=True
    )
    return layout.leaf(dict(zip(views, gradients, strict=True)))


def _structure(config: TrainConfig) -> dict[str, Any]:
    """What all slots have in common: a configuration without what may differ between them."""
    training = dataclasses.replace(config.training, learning_rate=1.0, probe_learning_rate=1.0)
    shared = dataclasses.replace(config, seed=0, hyper={}, training=training)
    return without_paths(config_table(shared))


def _check_modalities(config: TrainConfig, dataset_features: DatasetFeatures) -> None:
    if config.data.modalities != dataset_features.modalities:
        raise ConfigError(
            f"data.modalities {list(config.data.modalities)} differ from those of the prepared"
            f" features, {list(dataset_features.modalities)}: prepare the features for this"
            " configuration"
        )
