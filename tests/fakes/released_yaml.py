"""The three released configurations, every key, in our formatting."""

__all__ = ["RELEASED", "released_yaml"]

COMMON = """\
output_root: "."
log_dir: "UniM2"
project_name: "UniM2"
entity: null
group: "UniM2"
num_workers: 16
search_dataloader_seed: False
search_only_seed: False
experiment_name: "UniM2"
batch_size: 32
val_batch_size: 16
gpu_ids: '0'
dino_version: "v3"
dino_patch_size: 16
modality_fusion_method: "conv"
dino_feat_type: "ori"
normalize_before_fusion: True
normalization_type: "l2"
use_modality_weight: False
rgb_use_weight: False
weight_activation: "tanh"
use_modal_projection_head: True
rgb_use_soft_alignment: False
nonrgb_use_soft_alignment: True
num_neighbors: 7
use_modality_residual: False
crop_type: "five"
crop_ratio: .5
res: 224
loader_crop_type: "center"
val_crop_type: null
val_res: 320
extra_clusters: 0
use_true_labels: False
arch: "dino"
projection_type: "nonlinear"
continuous: True
dropout: True
zero_clamp: True
use_salience: False
stabalize: False
pointwise: True
feature_samples: 11
neg_samples: 5
correspondence_weight: 1.0
rec_weight: 0.0
reset_probe_steps: ~
scalar_log_freq: 10
eval_every_n_epochs: 1
hydra:
  run:
    dir: ${output_root}
  output_subdir: null
"""

OWN = {
    "nyu": """\
dataset_name: "nyu"
pytorch_data_dir: "data/NYU_Depth"
nyu_num_classes: 13
modals: ['rgb','depth']
model_type: "vit_small"
modality_fusion_output_dim: 384
pretrained_weights: "pretrained/dinov3_vits16_pretrain_lvd1689m-08c60483.pth"
max_steps: 10000
search_lr: False
search_dim: False
dim: 70
lr: 5e-4
val_freq: 10
""",
    "mfnet": """\
dataset_name: "mfnet"
pytorch_data_dir: "data/MFNet"
mfnet_num_classes: 8
modals: ['rgb', 'thermal']
model_type: "vit_base"
modality_fusion_output_dim: 768
pretrained_weights: "pretrained/dinov3_vitb16_pretrain_lvd1689m-73cec8be.pth"
max_steps: 13000
search_lr: True
search_dim: False
dim: 90
lr: 7.88e-05
val_freq: 10
""",
    "mcubes": """\
dataset_name: "mcubes"
pytorch_data_dir: "data/MCUBES"
modals: ['rgb','aolp']
model_type: "vit_small"
modality_fusion_output_dim: 384
pretrained_weights: "pretrained/dinov3_vits16_pretrain_lvd1689m-08c60483.pth"
max_steps: 4000
search_lr: True
search_dim: True
dim: 320
lr: 1.59e-05
val_freq: 5
""",
}

#: Data set to modality to weight, then lambda and b of self, KNN and random pairs.
RELEASED: dict[str, dict[str, tuple[float, ...]]] = {
    "nyu": {
        "rgb": (0.1356, 0.0957, 0.7199, 0.1671, 0.6222, 0.9005, 0.5664),
        "depth": (0.8889, 0.6550, 0.1328, 0.2995, 0.4318, 0.0550, 0.2440),
    },
    "mfnet": {
        "rgb": (0.0478, 0.0606, 0.9607, 0.3334, 0.7800, 0.9262, 0.7760),
        "thermal": (0.4922, 0.2388, 0.0096, 0.9124, 0.2864, 0.5064, 0.5540),
    },
    "mcubes": {
        "rgb": (0.4046, 0.2237, 0.7865, 0.0705, 0.2830, 0.7443, 0.6375),
        "aolp": (0.3052, 0.5756, 0.4694, 0.5528, 0.6230, 0.4637, 0.3037),
    },
}
ENDINGS = (
    "weight",
    "pos_intra_weight",
    "pos_intra_shift",
    "pos_inter_weight",
    "pos_inter_shift",
    "neg_inter_weight",
    "neg_inter_shift",
)


def released_yaml(name: str) -> str:
    """The configuration of a data set."""
    lines = [
        f"{modality}_{ending}: {value}"
        for modality, row in RELEASED[name].items()
        for ending, value in zip(ENDINGS, row, strict=True)
    ]
    return COMMON + OWN[name] + "\n".join(lines) + "\n"
