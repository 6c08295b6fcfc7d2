"""TransFGU: a decoder that learns pseudo labels, then those of its own former self as well.

Paper: TransFGU (Yin et al., ECCV 2022). Authors' code: damo-cv/TransFGU at ea49bcd; described in
``docs/methods.md``.

Letters of shapes: ``docs/architecture.md``.

For several modalities, which its authors do not define, the mean of the frozen features is used.
The code is the logits of the classes, so that each class is a cluster of its own.

A fresh student begins where the first one did. The optimiser's parameters go on; what is added to
them changes: ``first`` holds the initial numbers and ``shift`` what makes the sum begin there.
"""

import dataclasses
import math
from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.errors import ConfigError
from trainer.losses.draws import StepDraws
from trainer.losses.pseudo_labels import (
    bootstrap_losses,
    class_maps,
    cluster_windows,
    normed_maps,
    window_means,
)
from trainer.methods.base import (
    OWN_CENTRES,
    Batch,
    IntermediateMaps,
    Needs,
    Sample,
    StepTerms,
)
from trainer.methods.entry import Inputs
from trainer.methods.transfgu import TransFGUOptions
from trainer.model.mask_decoder import CLASS_TOKENS, MaskDecoder
from trainer.nn.alignment import each_slot
from trainer.nn.parameters import Entry, Layout, Views, where_slots

__all__ = ["TransFGU"]

FIRST, SHIFT, TEACHER = "first.", "shift.", "teacher."
CENTRES = "classes"  # of windows
CHOICES = "choices"  # uniform numbers for the first centres
LEAST_AGAINST = 0.3  # share of the largest weight of wrong labels at first: 0.03 of 0.1 published
TAUGHT = 0.5  # share of the teacher in the pseudo labels; authors' code


class TransFGU:
    """TransFGU on the mean map; implements ``trainer.methods.base.Method``."""

    def __init__(self, options: TransFGUOptions, inputs: Inputs) -> None:
        self._options, self._classes = options, inputs.classes
        self._decoder = MaskDecoder(
            channels=inputs.channels,
            classes=inputs.classes,
            width=options.width,
            heads=options.heads,
            blocks=options.blocks,
        )
        entries = self._decoder.entries()
        self._parameters = Layout(entries=entries)
        classes = inputs.classes
        self._buffers = Layout(
            entries=(
                *(
                    dataclasses.replace(each, name=f"{kind}{each.name}")
                    for kind in (FIRST, SHIFT, TEACHER)
                    for each in entries
                ),
                Entry(name=CENTRES, shape=(classes, inputs.channels), initial="normal", scale=1.0),
                Entry(name=CHOICES, shape=(classes,), initial="uniform", scale=1.0),
                Entry(name=OWN_CENTRES, shape=(classes, classes), initial="constant", scale=0.0),
            )
        )

    @property
    def code_dim(self) -> int:
        """The number of classes."""
        return self._classes

    @property
    def needs(self) -> Needs:
        """Queries, and numbers for a permutation of the classes."""
        return Needs(positives=False, maps=0, masks=0, uniform=1)

    @property
    def terms(self) -> tuple[str, ...]:
        """Cross-entropy of pseudo labels, doubt, and the distances of class tokens."""
        return ("labels", "doubt", "apart")

    @property
    def parameters(self) -> Layout:
        """Those of the decoder."""
        return self._parameters

    @property
    def buffers(self) -> Layout:
        """The first student, what is added to the present one, the teacher, and the classes."""
        return self._buffers

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """Orthogonal class tokens, and classes from windows of the train split."""
        tokens_NTC = sample()[0].mean(dim=0)
        rows = _rows(tokens_NTC.shape[1])
        means_IC = window_means(torch.unflatten(tokens_NTC, 1, (rows, -1)))
        drawn_Y = (buffers[CHOICES][0] + 1) / 2  # from -1 to 1 until here
        centres_YC = cluster_windows(means_IC, drawn_Y)
        started = {**parameters, CLASS_TOKENS: _orthogonal(parameters[CLASS_TOKENS])}
        copies = {
            f"{kind}{name}": torch.zeros_like(view) if kind == SHIFT else view.clone()
            for kind in (FIRST, SHIFT, TEACHER)
            for name, view in started.items()
        }
        identity = torch.eye(self._classes, dtype=centres_YC.dtype).unsqueeze(0)
        own = {CENTRES: centres_YC.unsqueeze(0), OWN_CENTRES: identity}
        return started, {**buffers, **copies, **own}

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """The three terms of a student, and the next one's beginning if it is due."""
        elapsed_S = batch.iteration_S * self._options.parts  # in parts, times the iterations
        part_S = elapsed_S // batch.iterations
        before_S = (elapsed_S - self._options.parts).clamp(min=0) // batch.iterations
        buffers = self._renewed(parameters, buffers, part_S > before_S)
        tokens_SBTC = batch.tokens_SMNTC.mean(dim=1)
        logits_SBTY, tokens_SBYD = self._decoder(tokens_SBTC, _student(parameters, buffers))
        taught_S = part_S > 0
        progress_S = (elapsed_S % batch.iterations) / batch.iterations
        rising_S = LEAST_AGAINST + (1 - LEAST_AGAINST) * progress_S
        labels_S, doubt_S = bootstrap_losses(
            logits_SBTY,
            self._chances(tokens_SBTC, buffers, taught_S),
            against_S=(hyper["against"] * rising_S * taught_S).to(logits_SBTY.dtype),
            order_SY=self._permutations(draws),
            sample_weight_SB=draws.sample_weight_SB,
        )
        apart_S = each_slot(_likeness, tokens_SBYD, draws.sample_weight_SB, slots=len(tokens_SBYD))
        terms = (labels_S, hyper["lambda_doubt"] * doubt_S, hyper["lambda_apart"] * apart_S)
        return StepTerms(
            terms=dict(zip(self.terms, terms, strict=True)),
            codes_SBTK=logits_SBTY,
            buffers=buffers,
        )

    def _permutations(self, draws: StepDraws) -> Tensor:
        """Each slot's random order of the classes, (S, Y)."""
        uniform_SI = draws.uniform_SEBT[:, 0].flatten(1)
        if uniform_SI.shape[1] < self._classes:
            raise ConfigError(
                f"method.name = 'transfgu' needs a token for each of {self._classes} classes in a"
                f" batch, which has {uniform_SI.shape[1]}: raise training.batch_size or"
                " features.train_resolution"
            )
        return uniform_SI[:, : self._classes].argsort(dim=1, stable=True)

    def _renewed(self, parameters: Views, buffers: Views, due_S: Tensor) -> dict[str, Tensor]:
        """Buffers in which students that are due have become teachers, and begin anew."""
        if due_S.device.type == "cpu" and not due_S.any():
            return dict(buffers)
        student, changed = _student(parameters, buffers), dict(buffers)
        for name, view in student.items():
            again = buffers[f"{FIRST}{name}"] - parameters[name].detach()
            changed[f"{TEACHER}{name}"] = where_slots(
                due_S, view.detach(), buffers[f"{TEACHER}{name}"]
            )
            changed[f"{SHIFT}{name}"] = where_slots(due_S, again, buffers[f"{SHIFT}{name}"])
        return changed

    @torch.no_grad()
    def _chances(self, tokens_SBTC: Tensor, buffers: Views, taught_S: Tensor) -> Tensor:
        """What speaks for each class: maps alone, or half of them and half of the teacher."""

        def of_slots(tokens_SBTC: Tensor, centres_SYC: Tensor) -> Tensor:
            maps = [
                class_maps(tokens, centres)
                for tokens, centres in zip(tokens_SBTC, centres_SYC, strict=True)
            ]
            return torch.stack([normed_maps(each) for each in maps])

        chances_SBTY = each_slot(of_slots, tokens_SBTC, buffers[CENTRES], slots=len(tokens_SBTC))
        if taught_S.device.type == "cpu" and not taught_S.any():
            return chances_SBTY
        teacher = {
            name.removeprefix(TEACHER): view
            for name, view in buffers.items()
            if name.startswith(TEACHER)
        }
        taught_SBTY = self._decoder(tokens_SBTC, teacher)[0].softmax(dim=-1)
        mixed_SBTY = TAUGHT * taught_SBTY + (1 - TAUGHT) * chances_SBTY
        return torch.where(taught_S[:, None, None, None], mixed_SBTY, chances_SBTY)

    def encode(self, parameters: Views, buffers: Views, tokens_SMNTC: Tensor) -> Tensor:
        """Logits of the classes: (S, N, T, Y)."""
        return self._decoder(tokens_SMNTC.mean(dim=1), _student(parameters, buffers))[0]

    def intermediate_maps(
        self, parameters: Views, buffers: Views, tokens_1MNTC: Tensor
    ) -> IntermediateMaps:
        """The mean features, the logits, and the maps of the classes."""
        tokens_NTC = tokens_1MNTC[0].mean(dim=0)
        return IntermediateMaps(
            fused_NTC=tokens_NTC,
            code_NTK=self.encode(parameters, buffers, tokens_1MNTC)[0],
            others={"pseudo labels": normed_maps(class_maps(tokens_NTC, buffers[CENTRES][0]))},
        )


def _student(parameters: Views, buffers: Views) -> dict[str, Tensor]:
    """The present student's parameters."""
    return {name: view + buffers[f"{SHIFT}{name}"] for name, view in parameters.items()}


def _likeness(tokens_SBYD: Tensor, weight_SB: Tensor) -> Tensor:
    """Mean of 1 plus the cosine of two class tokens, over all pairs: (S,)."""
    cosines_SBYY = tokens_SBYD @ tokens_SBYD.mT
    classes = cosines_SBYY.shape[-1]
    above = torch.ones(classes, classes, device=weight_SB.device).triu(1)
    mean_SB = ((1 + cosines_SBYY) * above).sum(dim=(2, 3)) / above.sum().clamp(min=1)
    return (mean_SB * weight_SB).sum(dim=1)


def _orthogonal(tokens_SYD: Tensor) -> Tensor:
    """Tokens at right angles to each other, as far as their width allows; of unit length."""
    wide = tokens_SYD.shape[1] <= tokens_SYD.shape[2]
    turned: Tensor
    turned, _ = torch.linalg.qr(tokens_SYD.mT if wide else tokens_SYD)
    return turned.mT if wide else turned


def _rows(tokens: int) -> int:
    """Rows of a crop of so many tokens, which is a square, or as near to one as possible."""
    return next(rows for rows in range(math.isqrt(tokens), 0, -1) if tokens % rows == 0)
