"""SmooSeg: a code whose distances to prototypes are labels, and labels that are to be smooth.

Paper: SmooSeg: Smoothness Prior for Unsupervised Semantic Segmentation (Lan et al., NeurIPS 2023).
Authors' code: mc-lan/SmooSeg at f9428f3; described in ``docs/methods.md``.

Letters of shapes: ``docs/architecture.md``.

A teacher's prototypes make soft labels of the code, through which the smoothness loss trains the
head. The student's prototypes learn to predict the teacher's labels from the detached code, and
the teacher follows them slowly. For several modalities, which its authors do not define, the raw
features are fused as in STEGO, and closeness is that of the detached fused map.
"""

from collections.abc import Mapping

import torch
from torch import Tensor

from trainer.losses.draws import StepDraws
from trainer.losses.smoothness import label_logits, prediction_loss, smoothness
from trainer.methods.base import OWN_CENTRES, Batch, Needs, Sample, StepTerms
from trainer.methods.entry import Inputs
from trainer.methods.networks.shared_code import SharedCode
from trainer.methods.networks.target_dropout import TargetDropout
from trainer.methods.settings import MethodSettings
from trainer.methods.smooseg import SmooSegOptions
from trainer.model import Encoder
from trainer.nn.parameters import Entry, Group, Views
from trainer.nn.unit import unit

__all__ = ["SmooSeg"]

STUDENT = "prototypes"
TEACHER = "teacher"  # if the cluster probe segments
EPSILON = 1e-12  # smallest length by which prototypes are divided
RANDOM = 2  # place of the first random crop among the groups of pairs


class SmooSeg(SharedCode):
    """SmooSeg on one map; implements ``trainer.methods.base.Method``."""

    def __init__(self, config: MethodSettings, options: SmooSegOptions, inputs: Inputs) -> None:
        self._options = options
        self._teacher = OWN_CENTRES if options.clusters == "prototypes" else TEACHER
        self._target_dropout = TargetDropout(
            setting=options.target_dropout, modalities=len(inputs.modalities), maps=1
        )
        encoder = Encoder(
            modalities=len(inputs.modalities), channels=inputs.channels, fusion=config.fusion
        )
        # only the direction matters: the authors' initial scale is lost in a normalisation
        shape = (inputs.classes, config.code_dim)
        student = Entry(
            name=STUDENT,
            shape=shape,
            initial="normal",
            scale=1.0,
            group=Group(rate=options.prototype_rate),
        )
        teacher = Entry(name=self._teacher, shape=shape, initial="normal", scale=1.0)
        super().__init__(
            encoder,
            code_dim=config.code_dim,
            further=(student,),
            further_buffers=(teacher,),
            activation="silu",
        )

    @property
    def needs(self) -> Needs:
        """Queries, random crops, and masks for the head and for the features."""
        return Needs(positives=False, maps=1, masks=self._target_dropout.masks)

    @property
    def terms(self) -> tuple[str, ...]:
        """Smoothness within a crop and across crops, and the data loss."""
        return ("smooth_self", "smooth_random", "data")

    def start(self, parameters: Views, buffers: Views, sample: Sample) -> tuple[Views, Views]:
        """Prototypes of unit length, the same for student and teacher."""
        del sample
        prototypes = unit(parameters[STUDENT], epsilon=EPSILON)
        return {**parameters, STUDENT: prototypes}, {**buffers, self._teacher: prototypes.clone()}

    def step(
        self,
        parameters: Views,
        buffers: Views,
        batch: Batch,
        hyper: Mapping[str, Tensor],
        draws: StepDraws,
    ) -> StepTerms:
        """Smoothness of the teacher's labels, and the student's data loss."""
        new_buffers = dict(buffers)
        fused_SBTC, code_SBTK = self._trained(parameters, new_buffers, batch.tokens_SMNTC, draws)
        target_S1BTC = fused_SBTC.detach().unsqueeze(1)
        teacher_SYK, student_SYK = buffers[self._teacher], parameters[STUDENT]
        logits_SBTY = label_logits(code_SBTK, teacher_SYK)
        labels_SBTY = (logits_SBTY / hyper["temperature"][:, None, None, None]).softmax(dim=-1)
        smooth_S2 = smoothness(
            self._target_dropout.apply(target_S1BTC, draws.masks_SDNC)[:, 0],
            labels_SBTY,
            partners_SB=draws.sources_SMBJ[:, 0, :, RANDOM],
            biases_S2=torch.stack([hyper["b_self"], hyper["b_random"]], dim=1),
            sample_weight_SB=draws.sample_weight_SB,
        )
        data_S = prediction_loss(
            label_logits(code_SBTK.detach(), student_SYK),
            logits_SBTY.detach().argmax(dim=-1),
            draws.sample_weight_SB,
        )
        rate_S11 = hyper["teacher_rate"][:, None, None]
        new_buffers[self._teacher] = torch.lerp(teacher_SYK, student_SYK.detach(), rate_S11)
        terms = (*smooth_S2.unbind(dim=1), hyper["lambda_data"] * data_S)
        return StepTerms(
            terms=dict(zip(self.terms, terms, strict=True)),
            codes_SBTK=code_SBTK,
            buffers=new_buffers,
        )

    def _other_maps(
        self, parameters: Views, buffers: Views, code_1NTK: Tensor
    ) -> Mapping[str, Tensor]:
        del parameters
        return {"labels": label_logits(code_1NTK, buffers[self._teacher])[0]}
