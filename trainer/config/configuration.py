"""The configuration of one training run: typed, nested, and checked when it is created.

This is the only place with defaults. The tables of a TOML file are named like the fields of
:class:`TrainConfig`; ``build_record`` reads them.
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

#: Settings of ``[training]`` that may differ between trials, like the hyper-parameters of the
#: method. Runs that differ in nothing else can train together (``trainer/engine/slots.py``).
TRIAL_SETTINGS = ("learning_rate",)

#: Backbones whose weights are installed together with the package.
PACKAGED = ("efficientnet-lite0",)


@dataclass(frozen=True, kw_only=True)
class DataConfig:
    """The images and their splits."""

    #: Name in the data set table (``trainer/datasets``).
    name: str = "rooms"
    #: Folder of the data set; leave it out for one that is generated.
    root: PathText | None = None
    #: Modalities, the main one first; if ``rgb`` is among them, it must be first.
    modalities: tuple[str, ...] = ("rgb", "depth")
    #: Seed for a generated data set, and for splits that are drawn at random.
    seed: int = 0
    #: The data set's own options, checked by the data set.
    options: dict[str, Any] = field(default_factory=dict)
    #: How the modality ``fused`` is made from ``rgb`` and ``thermal``, by its name in the table of
    #: image fusions (``trainer/datasets/image_fusion``); without effect for other modalities.
    fused: str = "max-gradient"
    #: Options of that image fusion.
    fused_options: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.modalities:
            raise ConfigError("data.modalities is empty: name at least one, such as ['rgb']")
        if len(set(self.modalities)) != len(self.modalities):
            raise ConfigError(
                f"data.modalities {list(self.modalities)} repeats a modality: name each once"
            )
        if "rgb" in self.modalities[1:]:
            raise ConfigError(
                f"data.modalities {list(self.modalities)} has rgb after another modality: name"
                " rgb first"
            )


@dataclass(frozen=True, kw_only=True)
class BackboneConfig:
    """The frozen feature extractor."""

    #: ``patch-stats``, ``efficientnet-lite0`` or the name of a model of timm: a vision
    #: transformer, or one with feature maps, such as ``convnext_tiny`` or ``resnet50``.
    name: str = "patch-stats"
    #: ``hub``, ``random`` or the path of a weights file; ``package`` (the default of
    #: ``efficientnet-lite0``) for weights that are installed with the backbone. Ignored by a
    #: backbone without weights.
    weights: PathText = ""
    #: Token side in pixels of a backbone that can choose it (``patch-stats``).
    patch: int = 8
    #: Indices, from 0, of the feature maps that are concatenated to form the features
    #: (``docs/backbones.md``); by default only the last map.
    blocks: tuple[int, ...] | None = None
    #: Token side in pixels of a model with feature maps; by default the stride of the finest
    #: chosen map, and 16 for ``efficientnet-lite0``.
    stride: int | None = None
    #: Output of a vision transformer that is used as features: ``tokens`` are the normalised
    #: tokens of the last block; ``tokens3`` concatenates those of the last three blocks; ``keys3``
    #: are the attention keys of the last three blocks, before any rotary position embedding;
    #: ``attention`` is the attention of the class token in the last block, one channel per head.
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

    #: Side of a training crop after resizing, in pixels.
    train_resolution: int = 224
    #: Side of an evaluation image after resizing, in pixels.
    eval_resolution: int = 320
    #: ``five``: four corners and the centre, each half the image; ``none``: the whole image.
    crop: Literal["five", "none"] = "five"
    #: Interpolation of images; labels are always resized by nearest neighbour.
    resize: Literal["bilinear", "nearest"] = "bilinear"
    #: How training crops are stored between cropping and resizing: without loss, or for every
    #: modality as JPEG of quality 75 with halved chroma resolution, as in the published code.
    crop_storage: Literal["lossless", "jpeg75"] = "lossless"
    #: Number format of cached features. ``float16`` rounds the features, which are also the
    #: targets of the loss, to 11 significant bits; ``float32`` is exact.
    dtype: Literal["float16", "float32"] = "float16"
    #: Number of nearest neighbours stored per crop.
    neighbours: int = 30
    #: Share of each crop's channels that is dropped before its neighbours are computed. Above 0
    #: the neighbours are noisy, as in the published code.
    neighbour_dropout: float = 0.0

    def __post_init__(self) -> None:
        _check_at_least("features.train_resolution", self.train_resolution, 8)
        _check_at_least("features.eval_resolution", self.eval_resolution, 8)
        _check_at_least("features.neighbours", self.neighbours, 1)
        _check_share("features.neighbour_dropout", self.neighbour_dropout)


@dataclass(frozen=True, kw_only=True)
class MethodConfig:
    """The method: settings that all methods share, and the options of the chosen one."""

    #: Name in the method table (``trainer/methods``).
    name: str = choice("unim2", METHODS)
    #: How the maps of the modalities are fused into one; without effect for one modality.
    fusion: str = choice("conv", FUSIONS)
    #: Number of channels of the code.
    code_dim: int = 70
    #: Share of channels dropped before the code head, and from the target if the method does so.
    dropout: float = 0.1
    #: The method's own options: its table ``[method.options]``, or the record built from it.
    options: Any = field(default_factory=dict)

    def __post_init__(self) -> None:
        _check_at_least("method.code_dim", self.code_dim, 2)
        _check_share("method.dropout", self.dropout)
        find_fusion(self.fusion)
        object.__setattr__(self, "options", read_options(self.name, self.options))

    @classmethod
    def present_names(cls, table: Mapping[str, Any]) -> dict[str, Any]:
        """The table with the current names of its settings.

        Raises:
            ConfigError: If a setting is given under two names, or the method is unknown.
        """
        name = table.get("name", cls.name)
        if not isinstance(name, str) or not table.keys() & {*FORMER_SETTINGS}:
            return dict(table)
        own = dataclasses.fields(read_options(name, table.get("options", {})))
        return with_present_names(table, name, [field.name for field in own])


@dataclass(frozen=True, kw_only=True)
class TrainingConfig:
    """The optimisation."""

    #: Number of iterations, one batch each.
    iterations: int = 3334
    #: Crops per batch.
    batch_size: int = 32
    #: Adam's learning rate for the model.
    learning_rate: float = 5e-4
    #: Adam's learning rate for both probes.
    probe_learning_rate: float = 5e-3
    #: The number Q of points sampled per map is the square of this number.
    samples: int = 11
    #: Number R of random pairs per query and step.
    random_draws: int = 5
    #: How crops are paired at random: ``cycle`` is a permutation without fixed points;
    #: ``repeats`` shifts each fixed point of a permutation by one, as the published code does, so
    #: that some crops are used twice and others not at all.
    random_pairs: Literal["cycle", "repeats"] = "cycle"
    #: Positives are drawn from this many nearest neighbours.
    partner_ranks: int = 7
    #: Where the loss of the linear probe is computed: at every pixel, or at each token's centre.
    linear_probe: Literal["pixel", "token"] = "pixel"
    #: Number format of the large products in model and loss. ``bf16`` keeps 8 significant bits of
    #: their inputs and outputs; everything else, including the optimiser, the sums of the loss and
    #: all scores, is computed in fp32.
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

    #: Number of evaluations with the cadence ``even``; the last is after the last iteration.
    evaluations: int = 20
    #: ``even``: evenly spaced; ``batches``: after every few batches of an epoch, counted anew in
    #: each epoch; ``epoch``: after each complete epoch. The last two are those of the published
    #: code; the run ends at their last evaluation.
    cadence: Literal["even", "batches", "epoch"] = "even"
    #: Batches between two evaluations with the cadence ``batches``.
    every: int = 10
    #: The weights that are scored: the last ones, or those with the best val mIoU.
    report: Literal["last", "best"] = "last"
    #: Number of images evaluated together.
    batch_size: int = 16

    def __post_init__(self) -> None:
        _check_at_least("evaluation.evaluations", self.evaluations, 1)
        _check_at_least("evaluation.every", self.every, 1)
        _check_at_least("evaluation.batch_size", self.batch_size, 1)


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that one training run depends on, except the machine it runs on."""

    #: Seed of the run: initialisation, batches, positives, coordinates, dropout.
    seed: int = 0
    #: The protocol on which the settings are based (``docs/protocols.md``); it names results.
    protocol: Literal["held-out", "published"] = "held-out"
    data: DataConfig = field(default_factory=DataConfig)
    backbone: BackboneConfig = field(default_factory=BackboneConfig)
    features: FeatureConfig = field(default_factory=FeatureConfig)
    method: MethodConfig = field(default_factory=MethodConfig)
    training: TrainingConfig = field(default_factory=TrainingConfig)
    evaluation: EvaluationConfig = field(default_factory=EvaluationConfig)
    #: Values of the method's hyper-parameters by name; others have their defaults.
    hyper: dict[str, float] = field(default_factory=dict)

    def __post_init__(self) -> None:
        even = self.evaluation.cadence == "even"
        if even and self.evaluation.evaluations > self.training.iterations:
            raise ConfigError(
                f"evaluation.evaluations = {self.evaluation.evaluations} exceeds"
                f" training.iterations = {self.training.iterations}: give"
                f" {self.evaluation.evaluations} iterations or more, or a smaller"
                " evaluation.evaluations in a file"
            )
        if self.training.partner_ranks > self.features.neighbours:
            raise ConfigError(
                f"training.partner_ranks = {self.training.partner_ranks} exceeds"
                f" features.neighbours = {self.features.neighbours}: give fewer ranks"
            )

    def evaluate_at(self, *, crops: int) -> tuple[int, ...]:
        """Iterations after which the run is scored, ascending, at least one.

        Args:
            crops: Number of crops in the train split, which make up an epoch.

        Raises:
            ConfigError: If the cadence has no evaluation within the run's iterations.
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
                f"evaluation.cadence = {evaluation.cadence!r} never evaluates: every {every}"
                f" batches in epochs of {epoch}, with training.iterations = {total}; give"
                f" more iterations{' or a smaller evaluation.every' * (every != epoch)}"
            )
        return found

    def with_trial(self, *, hyper: Mapping[str, float], seed: int) -> "TrainConfig":
        """The same configuration with one trial's seed and values.

        Args:
            hyper: Values by name. Those of :data:`TRIAL_SETTINGS` are set in ``training``; all
                others are hyper-parameters and override those of :attr:`hyper`.
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
