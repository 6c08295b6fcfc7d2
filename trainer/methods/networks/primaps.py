"""PriMaPs-EM: another method's code, and prototypes that learn the classes of principal masks.

Paper: Boosting Unsupervised Semantic Segmentation with Principal Mask Proposals (Hahn et al.,
TMLR 2024). Authors' code: visinf/primaps at 7ca7757; described in ``docs/methods.md``.

Letters of shapes: ``docs/architecture.md``; L masks of a crop.

First the base learns, and the prototypes are centres of its code. Then the base is left alone, and
the prototypes learn the classes that slow copies of them give to the masks of each crop. Masks
come from the mean of the frozen features of all modalities, which the authors do not define.
"""

import dataclasses
from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.losses.principal_masks import (
    focal_loss,
    mask_classes,
    nearest_prototype_loss,
    principal_masks,
    settled,
)
from trainer.losses.smoothness import label_logits
from trainer.methods.base import (
    OWN_CENTRES,
    Batch,
    IntermediateMaps,
    Method,
    Needs,
    Sample,
    StepTerms,
)
from trainer.methods.networks.identity_start import principal_components
from trainer.methods.primaps import THRESHOLD, PriMaPsOptions
from trainer.nn.alignment import each_slot
from trainer.nn.parameters import Entry, Group, Layout, Views, where_slots
from trainer.nn.unit import unit

__all__ = ["PriMaPs"]

BASE = "base."  # prefix of the names of the base's parameters and buffers
STUDENT = "prototypes"
EPSILON = 1e-12  # smallest length by which prototypes are divided


class PriMaPs:
    """PriMaPs-EM on a base; implements ``trainer.methods.base.Method``."""

    def __init__(self, base: Method, options: PriMaPsOptions, *, classes: int) -> None:
        self._base, self._options, self._classes = base, options, classes
        shape = (classes, base.code_dim)
        group = Group(rate=options.prototype_rate)
        student = Entry(name=STUDENT, shape=shape, initial="normal", scale=1.0, group=group)
        teacher = Entry(name=OWN_CENTRES, shape=shape, initial="normal", scale=1.0)
        self._parameters = Layout(entries=(*_prefixed(base.parameters), student))
        self._buffers = Layout(entries=(*_prefixed(base.buffers), teacher))

    @property
    def code_dim(self) -> int:
        """That of the base."""
        return self._base.code_dim

    @property
    def needs(self) -> Needs:
        """Those of the base; the prototypes predict, one for each class."""
        return dataclasses.replace(self._base.needs, extra_clusters=0, clustered_start=False)

    @property
    def terms(self) -> tuple[str, ...]:
        """Those of the base, and that of the prototypes."""
        return (*self._base.terms, "prototypes")

    @property
    def parameters(self) -> Layout:
        """Those of the base, and the prototypes."""
        return self._parameters

    @property
    def buffers(self) -> Layout:
        """Those of the base, and the slow prototypes."""
        return self._buffers

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """Both sets of prototypes alike: principal directions of a code that is never learnt."""
        own, aside = self._base.start(_without(parameters), _without(buffers), sample)
        prototypes = parameters[STUDENT]
        if not own:
            code_SNTK = self._base.encode(own, aside, sample())
            if code_SNTK.shape[-1] >= self._classes:
                directions_YK, _ = principal_components(code_SNTK.flatten(0, 2), self._classes)
                prototypes = directions_YK.to(prototypes.dtype).expand_as(prototypes)
        prototypes = unit(prototypes, epsilon=EPSILON)
        return (
            {**_with(own), STUDENT: prototypes},
            {**_with(aside), OWN_CENTRES: prototypes.clone()},
        )

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """The base's terms until the masks begin, and the loss of the prototypes."""
        made = self._base.step(_without(parameters), _without(buffers), batch, hyper, draws)
        begun_S = batch.iteration_S >= self._options.begin * batch.iterations
        student_SYK = unit(parameters[STUDENT], epsilon=EPSILON)
        code_SBTK = made.codes_SBTK.detach()
        weight_SB = draws.sample_weight_SB
        centred_S = nearest_prototype_loss(label_logits(code_SBTK, student_SYK), weight_SB)
        classes_SBT, known_SBT = self._mask_classes(parameters, buffers, batch, hyper, draws)
        learnt_S = focal_loss(
            each_slot(_logits, code_SBTK, student_SYK, slots=len(begun_S)),
            classes_SBT,
            known_SBT,
            focus_S=hyper["focus"],
            sample_weight_SB=weight_SB,
        )
        frozen_S = begun_S & self._options.freeze
        terms = {name: term * ~frozen_S for name, term in made.terms.items()}
        aside, still = _with(made.buffers), {}
        if self._options.freeze:
            aside = {
                name: where_slots(frozen_S, buffers[name], view) for name, view in aside.items()
            }
            still = {name: frozen_S for name in parameters if name.startswith(BASE)}
        return StepTerms(
            terms={**terms, "prototypes": torch.where(begun_S, learnt_S, centred_S)},
            codes_SBTK=made.codes_SBTK,
            buffers={
                **aside,
                OWN_CENTRES: self._followed(buffers, student_SYK, batch, hyper),
            },
            still=still,
        )

    @torch.no_grad()
    def _mask_classes(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> tuple[Tensor, Tensor]:
        """Class of each token's mask by the slow prototypes, (S, B, T), and whether it has one."""
        tokens_SMBTC = batch.tokens_SMNTC[:, :, : draws.batch]
        begin = self._options.begin * batch.iterations
        if batch.iteration_S.device.type == "cpu" and not (batch.iteration_S >= begin).any():
            nothing_SBT = torch.zeros(len(tokens_SMBTC), draws.batch, tokens_SMBTC.shape[3])
            return nothing_SBT.long(), nothing_SBT.bool()
        code_SBTK = self._base.encode(_without(parameters), _without(buffers), tokens_SMBTC)
        chosen_SBT = label_logits(code_SBTK, buffers[OWN_CENTRES]).argmax(dim=-1)
        threshold_SB = hyper[THRESHOLD.name].unsqueeze(1).expand_as(draws.sample_weight_SB)

        def of_slots(tokens_SMBTC: Tensor, chosen_SBT: Tensor, threshold_SB: Tensor) -> Tensor:
            features_NTC = tokens_SMBTC.mean(dim=1).flatten(0, 1)
            masks_NLT = principal_masks(
                features_NTC, threshold_SB.flatten(), count=self._options.masks
            )
            if self._options.median:
                masks_NLT = settled(masks_NLT, batch.grid)
            class_NT, known_NT = mask_classes(
                masks_NLT, chosen_SBT.flatten(0, 1), classes=self._classes
            )
            return torch.where(known_NT, class_NT, -1).view(chosen_SBT.shape)

        tensors = (tokens_SMBTC, chosen_SBT, threshold_SB)
        class_SBT = each_slot(of_slots, *tensors, slots=len(chosen_SBT))
        return class_SBT.clamp(min=0), class_SBT >= 0

    def _followed(
        self, buffers: Views, student_SYK: Tensor, batch: Batch, hyper: Mapping[str, Tensor]
    ) -> Tensor:
        """The slow prototypes a step later: the others until masks begin, then behind them."""
        student, teacher = student_SYK.detach(), buffers[OWN_CENTRES]
        begin = self._options.begin * batch.iterations
        due_S = (batch.iteration_S % self._options.follow_every) == 0
        rate_S = torch.where(due_S, 1 - hyper["prototype_momentum"], 0)
        rate_S = torch.where(batch.iteration_S < begin, 1, rate_S)
        return torch.lerp(teacher, student, rate_S[:, None, None].to(teacher.dtype))

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """The base's code with shape (S, N, T, K)."""
        return self._base.encode(_without(parameters), _without(buffers), tokens_SMNTC)

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """Those of the base, and the masks at the published threshold."""
        own, aside = _without(parameters), _without(buffers)
        maps = self._base.intermediate_maps(own, aside, tokens_1MNTC)
        features_NTC = tokens_1MNTC[0].mean(dim=0)
        threshold_N = features_NTC.new_full((len(features_NTC),), THRESHOLD.default)
        masks_NLT = principal_masks(features_NTC, threshold_N, count=self._options.masks)
        masks = {"masks": masks_NLT.mT.to(features_NTC.dtype)}
        return dataclasses.replace(maps, others={**maps.others, **masks})


def _logits(codes_SBTK: Tensor, prototypes_SYK: Tensor) -> Tensor:
    """Inner products, (S, B, T, Y), of raw codes, as in the authors' code."""
    logits_SIY = torch.bmm(codes_SBTK.flatten(1, 2), prototypes_SYK.mT)
    return logits_SIY.view(*codes_SBTK.shape[:3], -1)


def _prefixed(layout: Layout) -> tuple[Entry, ...]:
    return tuple(dataclasses.replace(each, name=f"{BASE}{each.name}") for each in layout.entries)


def _without(views: Views) -> dict[str, Tensor]:
    """The base's views by its own names."""
    return {name.removeprefix(BASE): view for name, view in views.items() if name.startswith(BASE)}


def _with(views: Views) -> dict[str, Tensor]:
    """The base's views by the names they have here."""
    return {f"{BASE}{name}": view for name, view in views.items()}
