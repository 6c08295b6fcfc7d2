"""Names in the published configuration files and their names here.

Only the keys are taken from the published configurations, none of their code.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

__all__ = [
    "CHOICES",
    "DATA_SETS",
    "DEFAULTS",
    "FIXED",
    "IGNORED",
    "MODALITY_KEYS",
    "MODELS",
    "NUMBERS",
    "PLACE_KEYS",
    "STEPS_PER_BATCH",
    "STRUCTURE_KEYS",
    "WEIGHT_KEY",
    "ReleasedModel",
]

#: Lightning counts one step for each of the three optimisers.
STEPS_PER_BATCH = 3

#: ``dataset_name``, which is ``data.name`` as well, to the folder under ``pytorch_data_dir``.
DATA_SETS: Mapping[str, str] = {"nyu": "nyu", "mfnet": "mfnet", "mcubes": "MCubeS"}


@dataclass(frozen=True, kw_only=True)
class ReleasedModel:
    """A value of ``model_type``."""

    #: Name in ``backbone.name``: the variant that takes the biases of the authors' files.
    backbone: str
    #: Number of channels of a token.
    width: int
    #: The authors' weights file, as named in their configurations; None if none names it.
    file: str | None


#: Meaning of each value of ``model_type``.
MODELS: Mapping[str, ReleasedModel] = {
    "vit_small": ReleasedModel(
        backbone="vit_small_patch16_dinov3_qkvb",
        width=384,
        file="pretrained/dinov3_vits16_pretrain_lvd1689m-08c60483.pth",
    ),
    "vit_small_plus": ReleasedModel(
        backbone="vit_small_plus_patch16_dinov3_qkvb",
        width=384,
        file="pretrained/dinov3_vits16plus_pretrain_lvd1689m-4057cbaa.pth",
    ),
    "vit_base": ReleasedModel(
        backbone="vit_base_patch16_dinov3_qkvb",
        width=768,
        file="pretrained/dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth",
    ),
    "vit_large": ReleasedModel(
        backbone="vit_large_patch16_dinov3_qkvb.lvd1689m", width=1024, file=None
    ),
}

#: End of a modality's keys to the end of our name: ``rgb_pos_intra_weight`` is
#: ``rgb.lambda_self``. "pos_intra" is self, "pos_inter" KNN, "neg_inter" random pairs.
MODALITY_KEYS: Mapping[str, str] = {
    "pos_intra_weight": "lambda_self",
    "pos_intra_shift": "b_self",
    "pos_inter_weight": "lambda_knn",
    "pos_inter_shift": "b_knn",
    "neg_inter_weight": "lambda_random",
    "neg_inter_shift": "b_random",
}
WEIGHT_KEY = "weight"  # of a modality's whole loss

#: Keys with the same numbers here, to table and field.
NUMBERS: Mapping[str, tuple[str, str]] = {
    "batch_size": ("training", "batch_size"),
    "dim": ("method", "code_dim"),
    "feature_samples": ("training", "samples"),
    "lr": ("training", "learning_rate"),
    "neg_samples": ("training", "random_draws"),
    "num_neighbors": ("training", "partner_ranks"),
    "res": ("features", "train_resolution"),
    "val_batch_size": ("evaluation", "batch_size"),
    "val_freq": ("evaluation", "every"),
    "val_res": ("features", "eval_resolution"),
}

#: Keys whose values have other names here: table, field, and a map of values.
CHOICES: Mapping[str, tuple[str, str, Mapping[Any, Any]]] = {
    "crop_type": ("features", "crop", {"five": "five", None: "none"}),
    "dino_feat_type": ("backbone", "output", {"ori": "tokens", "fea": "tokens3"}),
    "dropout": ("method.options", "target_dropout", {True: "single", False: "never"}),
    "use_modality_residual": ("method.options", "msn_residual", {True: True, False: False}),
}

#: Defaults of the published code for missing keys.
DEFAULTS: Mapping[str, Any] = {
    "dino_feat_type": "ori",
    "modality_fusion_method": "sum",
    "nonrgb_use_soft_alignment": True,
    "normalization_type": "standardize",
    "normalize_before_fusion": False,
    "nyu_num_classes": 13,
    "rgb_use_soft_alignment": False,
    "use_modal_projection_head": True,
    "use_modality_residual": True,
}

#: Keys of the model that are read together.
STRUCTURE_KEYS = {
    "dataset_name",
    "max_steps",
    "modality_fusion_method",
    "modality_fusion_output_dim",
    "modals",
    "model_type",
    "nonrgb_use_soft_alignment",
    "normalization_type",
    "normalize_before_fusion",
    "nyu_num_classes",
    "rgb_use_soft_alignment",
    "use_modal_projection_head",
}
#: Paths.
PLACE_KEYS = {"pretrained_weights", "pytorch_data_dir"}

#: Keys with the only value that this trainer supports.
FIXED: Mapping[str, Any] = {
    "arch": "dino",
    "continuous": True,
    "correspondence_weight": 1.0,
    "crop_ratio": 0.5,
    "dino_patch_size": 16,
    "dino_version": "v3",
    "extra_clusters": 0,
    "loader_crop_type": "center",
    "pointwise": True,
    "projection_type": "nonlinear",
    "rec_weight": 0.0,
    "reset_probe_steps": None,
    "stabalize": False,
    "use_modality_weight": False,
    "use_salience": False,
    "use_true_labels": False,
    "val_crop_type": None,
    "zero_clamp": True,
}

#: Keys without effect on the numbers of a run, with the comment in an exported file.
IGNORED: Mapping[str, Any] = {
    "dataloader_seed": 18,
    "entity": None,
    "eval_every_n_epochs": 1,
    "experiment_name": "UniM2",
    "gpu_ids": "0",
    "group": "UniM2",
    "hydra": {
        "run": {"dir": "${output_root}"},
        "output_subdir": None,
        "job_logging": {
            "handlers": {
                "file": {"filename": "${output_root}/logs/${hydra.job.name}.log"},
            },
        },
    },
    "log_dir": "UniM2",
    "mfnet_num_classes": 8,
    "num_workers": 4,
    "output_root": ".",
    "project_name": "UniM2",
    "rgb_use_weight": False,
    "scalar_log_freq": 10,
    "search_dataloader_seed": False,
    "search_dim": False,
    "search_lr": False,
    "search_only_seed": False,
    "wandb_offline": False,
    "weight_activation": "tanh",
}
