"""Advice for runs on the packaged weights: a backbone that is better on real images."""

from search.doctor.subject import Subject
from trainer.config.configuration import PACKAGED, BackboneConfig

__all__ = ["better_weights", "how_to_get_them"]

BETTER = "vit_small_patch16_dinov3_qkvb.lvd1689m"


def better_weights(config: BackboneConfig) -> str:
    """Why another backbone would be better than the configured one; empty if none would be."""
    if config.name not in PACKAGED:
        return ""
    return "trained to classify images; DINOv3 features work better on real images"


def how_to_get_them(subject: Subject) -> str:
    """A launch that takes them from the hub, or from a file without a network."""
    launch = subject.launch("--backbone", BETTER)
    return f"{launch} (without access to the hub: add --backbone-weights FILE)"
