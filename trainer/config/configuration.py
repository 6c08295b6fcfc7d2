"""The configuration of one training run: typed, nested, checked when it is made.

Each default lives here and nowhere else. Tables of a TOML file have the names of the
fields of :class:`TrainConfig`; see ``build_record`` for how they are read.
"""

import dataclasses
import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from trainer.config.choices import choice
from trainer.config.former_names import FORMER_SETTINGS, with_present_names
from trainer.config.method_options import read_options
from trainer.config.paths import PathText
from trainer.errors import ConfigError
from trainer.fusions import FUSIONS, find_fusion
from trainer.methods import METHODS

__all__ = [
    "PACKAGED",
    "TRIAL_SETTINGS",
    "BackboneConfig",
    "DataConfig",
    "EvaluationConfig",
    "FeatureConfig",
    "MethodConfig",
    "TrainConfig",
    "TrainingConfig",
]

#: Settings of ``[training]`` that a trial may have a value of its own of, beside the
#: hyper-parameters of its method. Runs that differ in nothing else can train together
#: (``trainer/engine/slots.py``).
TRIAL_SETTINGS = ("learning_rate",)

#: Backbones whose weights are installed with them.
PACKAGED = ("efficientnet-lite0",)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """Which images, and how they are split."""

    #: Name in the data set table (``trainer/datasets``).
    name: str = "rooms"
    #: Folder of the data set; None for one that draws itself.
    root: PathText | None = None
    #: Modalities, the anchor first: ``rgb``, wherever it is among them.
    modalities: tuple[str, ...] = ("rgb", "depth")
    #: Seed of whatever the data set draws, and of a split that has to be carved.
    seed: int = 0
    #: The data set's own options, checked by the data set.
    options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.modalities:
            raise ConfigError("data.modalities is empty: name at least one, such as ['rgb']")
        if len(set(self.modalities)) != len(self.modalities):
            raise ConfigError(
                f"data.modalities {list(self.modalities)} names one twice: name each once"
            )
        if "rgb" in self.modalities[1:]:
            raise ConfigError(
                f"data.modalities {list(self.modalities)} has rgb after another: rgb is the"
                " anchor, name it first"
            )


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The frozen feature extractor."""

    #: ``patch-stats``, ``efficientnet-lite0`` or the name of a model of timm: a vision
    #: transformer, or one with feature maps, such as ``convnext_tiny`` or ``resnet50``.
    name: str = "patch-stats"
    #: ``hub``, ``random`` or the path of a weights file; ``package``, the default of
    #: ``efficientnet-lite0``, for those that are installed with it. Ignored by a backbone without
    #: weights.
    weights: PathText = ""
    #: Token side in pixels of a backbone that can choose it (``patch-stats``).
    patch: int = 8
    #: Which maps of a model with feature maps are the features, side by side, by their numbers
    #: from 0 (``docs/backbones.md``); left out, the last one.
    blocks: tuple[int, ...] | None = None
    #: Token side in pixels of a model with feature maps; left out, the stride of the finest chosen
    #: map, and 16 for ``efficientnet-lite0``.
    stride: int | None = None
    #: What of a vision transformer the features are: the last block's normed ``tokens``; those
    #: of the last three blocks side by side, ``tokens3``; the attention keys of the last three
    #: blocks before any rotary position embedding, ``keys3``; or what the class token attends to
    #: in the last block, a channel each head, ``attention``.
    output: Literal["tokens", "tokens3", "keys3", "attention"] = "tokens"

    def __post_init__(self) -> None:
        _check_at_least("backbone.patch", self.patch, 1)
        if self.stride is not None:
            _check_at_least("backbone.stride", self.stride, 1)
        if not self.weights:
            weights = "package" if self.name in PACKAGED else "hub"
            object.__setattr__(self, "weights", weights)


@dataclass(frozen=True, kw_only=True)
class FeatureConfig:
    """How images become frozen features."""

    #: Side of a training crop after resizing, pixels.
    train_resolution: int = 224
    #: Side of an evaluation image after resizing, pixels.
    eval_resolution: int = 320
    #: ``five``: four corners and the centre, each half the image; ``none``: the whole image.
    crop: Literal["five", "none"] = "five"
    #: Interpolation of images; labels are always resized by nearest neighbour.
    resize: Literal["bilinear", "nearest"] = "bilinear"
    #: How training crops are kept between cutting and resizing: as they are, or as the released
    #: code's JPEG files of quality 75 with halved chroma, whatever the modality.
    crop_storage: Literal["lossless", "jpeg75"] = "lossless"
    #: Number format of the bank on disk. ``float16`` rounds the features, which are the targets
    #: of the loss as well, to 11 significant bits; ``float32`` is exact.
    dtype: Literal["float16", "float32"] = "float16"
    #: Nearest neighbours stored per crop.
    neighbours: int = 30
    #: Share of channels dropped, for each crop anew, before neighbours are looked for. Above 0
    #: they are noisy, as those of the released code are.
    neighbour_dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_at_least("features.train_resolution", self.train_resolution, 8)
        _check_at_least("features.eval_resolution", self.eval_resolution, 8)
        _check_at_least("features.neighbours", self.neighbours, 1)
        _check_share("features.neighbour_dropout", self.neighbour_dropout)


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """The method: what every method reads, and the options of the one that is named."""

    #: Name in the method table (``trainer/methods``).
    name: str = choice("unim2", METHODS)
    #: How the modalities' maps become one; with one modality there is nothing to fuse.
    fusion: str = choice("conv", FUSIONS)
    #: Width of the code.
    code_dim: int = 70
    #: Share of channels dropped before the code head, and of the target where the method does so.
    dropout: float = 0.1
    #: The method's own options: its table ``[method.options]``, or the record made of it.
    options: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_at_least("method.code_dim", self.code_dim, 2)
        _check_share("method.dropout", self.dropout)
        find_fusion(self.fusion)
        object.__setattr__(self, "options", read_options(self.name, self.options))

    @classmethod
    def present_names(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """The table with the names of today.

        Raises:
            ConfigError: If a setting is given by two names, or the method is unknown.
        """
        name = table.get("name", cls.name)
        if not isinstance(name, str) or not table.keys() & {*FORMER_SETTINGS}:
            return dict(table)
        own = dataclasses.fields(read_options(name, table.get("options", {})))
        return with_present_names(table, name, [field.name for field in own])


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The optimisation."""

    #: True iterations: one batch each, whatever the number of optimisers.
    iterations: int = 3334
    #: Crops a batch.
    batch_size: int = 32
    #: Adam's learning rate of the model.
    learning_rate: float = 5e-4
    #: Adam's learning rate of both probes.
    probe_learning_rate: float = 5e-3
    #: Points Q per map are the square of this number.
    samples: int = 11
    #: Random pairs R per step.
    random_draws: int = 5
    #: Whom a crop meets in a random pair: ``cycle`` is a permutation without fixed points;
    #: ``repeats`` moves each fixed point of a permutation on by one place, as the released code
    #: does, so that some crops are met twice and others by nobody.
    random_pairs: Literal["cycle", "repeats"] = "cycle"
    #: Partners are drawn from this many nearest neighbours.
    partner_ranks: int = 7
    #: Where the linear probe's loss is taken: every pixel, or the label at each token's centre.
    linear_probe: Literal["pixel", "token"] = "pixel"
    #: Number format of the large products of model and loss. ``bf16`` keeps 8 significant bits
    #: of what goes into them and comes out; everything else, the optimiser and the sums of the
    #: loss included, and all scores are computed in fp32 as before.
    precision: Literal["fp32", "bf16"] = "fp32"

    def __post_init__(self) -> None:
        _check_at_least("training.iterations", self.iterations, 1)
        _check_at_least("training.batch_size", self.batch_size, 2)
        _check_at_least("training.samples", self.samples, 1)
        _check_at_least("training.random_draws", self.random_draws, 1)
        _check_at_least("training.partner_ranks", self.partner_ranks, 1)
        _check_positive("training.learning_rate", self.learning_rate)
        _check_positive("training.probe_learning_rate", self.probe_learning_rate)


@dataclass(frozen=True, kw_only=True)
class EvaluationConfig:
    """When the run is scored, always on the val split."""

    #: Evaluations E of the cadence ``even``, evenly spaced; the last is after the last iteration.
    evaluations: int = 20
    #: ``even``: E evaluations; ``batches``: every so many batches of an epoch, counted from the
    #: epoch's first; ``epoch``: after each whole epoch. The last two are the released code's:
    #: the iterations after their last evaluation are scored by nothing.
    cadence: Literal["even", "batches", "epoch"] = "even"
    #: Batches between two evaluations of the cadence ``batches``.
    every: int = 10
    #: The iterate that counts: the last one, or the one of the best val mIoU of all evaluations.
    report: Literal["last", "best"] = "last"
    #: Images evaluated together.
    batch_size: int = 16

    def __post_init__(self) -> None:
        _check_at_least("evaluation.evaluations", self.evaluations, 1)
        _check_at_least("evaluation.every", self.every, 1)
        _check_at_least("evaluation.batch_size", self.batch_size, 1)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that one training run depends on, but for the machine it runs on."""

    #: Seed of the run: initialisation, batches, partners, coordinates, dropout.
    seed: int = 0
    #: The protocol that the settings were laid over (``trainer/protocols.py``), for
    #: the name that results carry; the settings themselves are those of the tables below.
    protocol: Literal["held-out", "published"] = "held-out"
    data: DataConfig = field(default_factory=DataConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    method: MethodConfig = field(default_factory=MethodConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    #: Values of the method's hyper-parameters by name; one left out has its default.
    hyper: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        even = self.evaluation.cadence == "even"
        if even and self.evaluation.evaluations > self.training.iterations:
            raise ConfigError(
                f"evaluation.evaluations = {self.evaluation.evaluations} exceeds"
                f" training.iterations = {self.training.iterations}: give fewer evaluations"
            )
        if self.training.partner_ranks > self.features.neighbours:
            raise ConfigError(
                f"training.partner_ranks = {self.training.partner_ranks} exceeds"
                f" features.neighbours = {self.features.neighbours}: give fewer ranks"
            )

    def evaluate_at(self, *, crops: int) -> tuple[int, ...]:
        """True iterations after which the run is scored, ascending, at least one.

        Args:
            crops: Crops of the train split, which make an epoch.

        Raises:
            ConfigError: If the cadence has no evaluation in so few iterations.
        """
        total, evaluation = self.training.iterations, self.evaluation
        if evaluation.cadence == "even":
            count = evaluation.evaluations
            return tuple(round(total * (index + 1) / count) for index in range(count))
        epoch = math.ceil(crops / self.training.batch_size)
        every = epoch if evaluation.cadence == "epoch" else evaluation.every
        found = tuple(
            start + batch
            for start in range(0, total, epoch)
            for batch in range(every, min(epoch, total - start) + 1, every)
        )
        if not found:
            raise ConfigError(
                f"evaluation.cadence = {evaluation.cadence!r} never evaluates: it looks every"
                f" {every} batches of an epoch of {epoch} and training.iterations = {total}; give"
                f" more iterations{' or a smaller evaluation.every' * (every != epoch)}"
            )
        return found

    def with_trial(self, *, hyper: Mapping[str, float], seed: int) -> "TrainConfig":
        """The same configuration with one trial's seed and values.

        Args:
            hyper: Values by name: those of :data:`TRIAL_SETTINGS` take their places in
                ``training``, all others are hyper-parameters and go before those of :attr:`hyper`.
            seed: Seed of the run.
        """
        settings: dict[str, Any] = {name: hyper[name] for name in TRIAL_SETTINGS if name in hyper}
        others = {name: value for name, value in hyper.items() if name not in settings}
        return dataclasses.replace(
            self,
            hyper={**self.hyper, **others},
            training=dataclasses.replace(self.training, **settings),
            seed=seed,
        )


def _check_at_least(name: str, value: int, least: int) -> None:
    if value < least:
        raise ConfigError(f"{name} = {value} is too small: give {least} or more")


def _check_share(name: str, value: float) -> None:
    if not 0 <= value < 1:
        raise ConfigError(f"{name} = {value:g} is out of range: give 0 or more, below 1")


def _check_positive(name: str, value: float) -> None:
    if not (math.isfinite(value) and value > 0):
        raise ConfigError(f"{name} = {value:g} is out of range: give a positive number")
