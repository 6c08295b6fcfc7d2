"""Slots: runs of the same structure that train together, each with its own row of every tensor.

Letters of shapes: ``docs/architecture.md``, and L loss terms.

A single run is one slot. Slots share only the frozen features: each has its own seed,
hyper-parameters, learning rates and draws. One step is one batch per slot and one update of the
model and of both probes.

In memory, a row contains the gaps of its layout; states and weights are returned without them.
"""

import dataclasses
import math
from collections.abc import Sequence

import torch
from torch import Tensor

from trainer.config.configuration import TrainConfig
from trainer.engine.batches import Batches
from trainer.engine.epochs import SlotDraws
from trainer.engine.optimiser import AdamState, adam_step
from trainer.errors import ConfigError
from trainer.features.dataset_features import DatasetFeatures, TestSplit, ValSplit
from trainer.losses.draws import DrawPlan, StepDraws, stack_draws
from trainer.methods import build_method, step_values
from trainer.methods.base import Batch, StepTerms
from trainer.nn.parameters import Layout, Views
from trainer.nn.precision import products_in
from trainer.scoring.clustering import spherical_kmeans
from trainer.scoring.evaluation import Evaluation, Scored, evaluate
from trainer.scoring.probes import CENTRES, cluster_loss, linear_loss, probe_layout
from trainer.seeds import torch_generator

__all__ = ["Slots"]

#: Rows that predictions depend on: the checkpoint weights.
WEIGHTS = ("model.leaf_SP", "probes.leaf_SP", "buffers")
#: Fields of the optimiser's state that do not have one number per parameter.
SCALARS = ("steps_S1",)
#: Rows that older checkpoints lack; their values are unknown until the next report.
ADDED_LATER = ("term_sums",)


class Slots:
    """S runs on one device."""

    def __init__(
        self,
        configs: Sequence[TrainConfig],
        dataset_features: DatasetFeatures,
        device: torch.device,
    ) -> None:
        """Start every slot from its seed.

        Args:
            configs: One configuration per slot; they may differ only in seed, hyper-parameters
                and learning rates.
            dataset_features: The features to train on.
            device: Where to train.

        Raises:
            ConfigError: If the method or a hyper-parameter is unknown or out of range, or the
                configuration's modalities differ from those of the features.
        """
        config = configs[0]
        assert all(_structure(each) == _structure(config) for each in configs)
        _check_modalities(config, dataset_features)
        self._config, self._dataset_features, self._device = config, dataset_features, device
        self._method = build_method(config, channels=dataset_features.channels)
        probes = probe_layout(
            code_dim=self._method.code_dim, classes=len(dataset_features.classes)
        )
        self._parameter_layout = self._method.parameters.spaced()
        self._probe_layout = probes.spaced()
        self._buffer_layout = self._method.buffers.spaced()
        self._batches = Batches(
            dataset_features.train,
            modalities=dataset_features.modalities,
            probe=config.training.linear_probe,
            device=device,
        )
        self._draws = [self._slot_draws(each.seed) for each in configs]
        self._start(configs)

    def _start(self, configs: Sequence[TrainConfig]) -> None:
        device, training = self._device, [each.training for each in configs]
        rows = self._initial_rows([each.seed for each in configs])
        self._model = AdamState.fresh(rows["parameters"].to(device))
        self._probes = AdamState.fresh(rows["probes"].to(device))
        self._buffers_SP = rows["buffers"].to(device)
        values = [step_values(each) for each in configs]
        self._hyper = {
            name: torch.tensor([each[name] for each in values], device=device)
            for name in values[0]
        }
        self._rate_S1 = torch.tensor([[each.learning_rate] for each in training], device=device)
        self._probe_rate_S1 = torch.tensor(
            [[each.probe_learning_rate] for each in training], device=device
        )
        self._loss_sum_S = torch.zeros(len(configs), dtype=torch.float64, device=device)
        self._term_sums_SL = self._loss_sum_S.new_zeros(len(configs), len(self._method.terms))
        self._finite_S = torch.ones(len(configs), dtype=torch.bool, device=device)

    def _initial_rows(self, seeds: Sequence[int]) -> dict[str, Tensor]:
        """Parameters, probes and buffers before the first step, on the CPU."""
        layouts = {
            "parameters": self._parameter_layout,
            "probes": self._probe_layout,
            "buffers": self._buffer_layout,
        }
        rows = {
            purpose: torch.stack(
                [layout.initial_row(torch_generator(seed, purpose)) for seed in seeds]
            )
            for purpose, layout in layouts.items()
        }
        parameters: Views = self._parameter_layout.views(rows["parameters"])
        buffers: Views = self._buffer_layout.views(rows["buffers"])
        with torch.no_grad():
            parameters, buffers = self._method.start(parameters, buffers, self._batches.sample)
            if not parameters:  # the code never changes, so it can be clustered at once
                centres = self._clustered(seeds, buffers)
                probes = self._probe_layout.views(rows["probes"])
                rows["probes"] = self._probe_layout.leaf({**probes, CENTRES: centres})
        for name, views in (("parameters", parameters), ("buffers", buffers)):
            if views:
                rows[name] = layouts[name].leaf(views)
        return rows

    def _clustered(self, seeds: Sequence[int], buffers: Views) -> Tensor:
        """Cluster centres of each slot's frozen code: (S, Y, K), as long as random ones."""
        first = {name: view[:1] for name, view in buffers.items()}
        code_IK = self._method.encode({}, first, self._batches.sample()).flatten(0, 2)
        count, length = len(self._dataset_features.classes), math.sqrt(code_IK.shape[1])
        return torch.stack(
            [
                length * spherical_kmeans(code_IK, count, torch_generator(seed, "clusters"))
                for seed in seeds
            ]
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
        )
        return SlotDraws(plan, crops=len(split), generator=torch_generator(seed, "draws"))

    def __len__(self) -> int:
        return len(self._draws)

    def step(self) -> None:
        """Train every slot on its next batch, without waiting for the GPU."""
        drawn = stack_draws([draws.step() for draws in self._draws])
        tokens = self._batches.tokens(drawn, positives=self._method.needs.positives)
        batch, draws = Batch(tokens_SMNTC=tokens, grid=self._batches.grid), drawn.to(self._device)
        parameters = _trainable(self._parameter_layout, self._model)
        probes = _trainable(self._probe_layout, self._probes)
        buffers = self._buffer_layout.views(self._buffers_SP)
        with products_in(self._device, self._config.training.precision):
            output = self._method.step(parameters, buffers, batch, self._hyper, draws)
        terms_LS = self._terms(output)
        loss_S = terms_LS.sum(dim=0)
        probe_loss_S = self._probe_loss(output.codes_SBTK.detach(), probes, draws)
        gradient_SP = _gradient(self._parameter_layout, loss_S, parameters)
        probe_gradient_SP = _gradient(self._probe_layout, probe_loss_S, probes)
        finite_S1 = self._update(gradient_SP, probe_gradient_SP, output.buffers)
        self._loss_sum_S += loss_S.detach()
        self._term_sums_SL += terms_LS.detach().mT
        self._finite_S &= finite_S1.squeeze(1) & loss_S.isfinite() & probe_loss_S.isfinite()

    def _terms(self, output: StepTerms) -> Tensor:
        """The method's loss terms with shape (L, S)."""
        names = self._method.terms
        if not names:
            return output.codes_SBTK.new_zeros(0, len(self))
        return torch.stack([output.terms[name] for name in names])

    def _update(
        self, gradient_SP: Tensor, probe_gradient_SP: Tensor, new_buffers: Views
    ) -> Tensor:
        """Update model, buffers and probes; return whether each slot's updates were finite."""
        self._model, finite_S1 = adam_step(
            self._model, gradient_SP, learning_rate_S1=self._rate_S1
        )
        if new_buffers:
            new_SP = self._buffer_layout.leaf(new_buffers).detach()
            self._buffers_SP = torch.where(finite_S1, new_SP, self._buffers_SP)
        self._probes, probes_finite_S1 = adam_step(
            self._probes, probe_gradient_SP, learning_rate_S1=self._probe_rate_S1
        )
        return finite_S1 & probes_finite_S1

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
        loss, finite = float(self._loss_sum_S[slot]), bool(self._finite_S[slot])
        self._loss_sum_S[slot] = 0
        self._finite_S[slot] = True
        return loss, finite

    def take_terms(self, slot: int) -> dict[str, float]:
        """Sum of each of a slot's loss terms since the last call, by name."""
        sums = self._term_sums_SL[slot].tolist()
        self._term_sums_SL[slot] = 0
        return dict(zip(self._method.terms, sums, strict=True))

    def evaluate(self, slot: int, split: ValSplit | TestSplit) -> Evaluation:
        """Score a slot on a split."""
        return evaluate(
            self.scored(slot),
            split,
            modalities=self._dataset_features.modalities,
            batch_size=self._config.evaluation.batch_size,
            device=self._device,
        )

    def scored(self, slot: int) -> Scored:
        """A slot's model and probes, on the device."""
        row = slice(slot, slot + 1)
        return Scored(
            method=self._method,
            parameters=self._parameter_layout.views(self._model.leaf_SP[row]),
            buffers=self._buffer_layout.views(self._buffers_SP[row]),
            probes=self._probe_layout.views(self._probes.leaf_SP[row]),
            linear=self._batches.labelled,
        )

    def state(self, slot: int) -> dict[str, Tensor]:
        """Everything that a slot's next steps depend on, copied to the CPU."""
        tensors = {name: self._stored(name, rows[slot]) for name, rows in self._rows().items()}
        drawn = {f"draws.{key}": value for key, value in self._draws[slot].state().items()}
        return tensors | drawn

    def restore(self, slot: int, state: dict[str, Tensor]) -> None:
        """Restore a slot to a :meth:`state`."""
        for name, rows in self._rows().items():
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
        return {
            name: self._stored(name, rows[slot])
            for name, rows in self._rows().items()
            if name in WEIGHTS
        }

    def load_weights(self, slot: int, weights: dict[str, Tensor]) -> None:
        """Predict with these :meth:`weights` from now on; training must not continue."""
        rows = self._rows()
        for name in WEIGHTS:
            rows[name][slot] = self._loaded(name, weights[name])

    def _stored(self, name: str, row: Tensor) -> Tensor:
        """A copy of a row as a checkpoint stores it, on the CPU."""
        layout = self._layout_of(name)
        stored = row if layout is None else layout.stored(row[None])[0]
        return stored.detach().to("cpu", copy=True)

    def _loaded(self, name: str, stored: Tensor) -> Tensor:
        """A stored row as training uses it, on the device."""
        layout = self._layout_of(name)
        row = stored if layout is None else layout.loaded(stored[None])[0]
        return row.to(self._device)

    def _layout_of(self, name: str) -> Layout | None:
        """The layout of a row; None if it holds neither parameters nor buffers."""
        part, _, field = name.partition(".")
        layouts = {
            "model": self._parameter_layout,
            "probes": self._probe_layout,
            "buffers": self._buffer_layout,
        }
        return None if field in SCALARS else layouts.get(part)

    def _rows(self) -> dict[str, Tensor]:
        """Every tensor with one row per slot, by name."""
        rows = {
            "buffers": self._buffers_SP,
            "loss_sum": self._loss_sum_S,
            "term_sums": self._term_sums_SL,
        }
        for prefix, state in (("model", self._model), ("probes", self._probes)):
            for field in dataclasses.fields(state):
                rows[f"{prefix}.{field.name}"] = getattr(state, field.name)
        return rows | {"finite": self._finite_S}


def _trainable(layout: Layout, state: AdamState) -> Views:
    """Views of the parameters that require a gradient."""
    views = layout.views(state.leaf_SP)
    return {name: view.detach().requires_grad_() for name, view in views.items()}


def _gradient(layout: Layout, loss_S: Tensor, views: Views) -> Tensor:
    """Gradient of each slot's loss with respect to its own row: (S, P); 0 for what is unused."""
    if not views:
        return loss_S.new_zeros(len(loss_S), 0)
    gradients = torch.autograd.grad(
        loss_S.sum(), tuple(views.values()), allow_unused=True, materialize_grads=True
    )
    return layout.leaf(dict(zip(views, gradients, strict=True)))


def _structure(config: TrainConfig) -> TrainConfig:
    """A configuration without the settings that may differ between slots."""
    training = dataclasses.replace(config.training, learning_rate=1.0, probe_learning_rate=1.0)
    return dataclasses.replace(config, seed=0, hyper={}, training=training)


def _check_modalities(config: TrainConfig, dataset_features: DatasetFeatures) -> None:
    if config.data.modalities != dataset_features.modalities:
        raise ConfigError(
            f"data.modalities {list(config.data.modalities)} differ from those of the prepared"
            f" features, {list(dataset_features.modalities)}: prepare the features for this"
            " configuration"
        )
