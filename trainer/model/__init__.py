"""Parts of the model as pure functions of parameters and token maps."""

from trainer.model.code_head import Activation, code_head, code_head_entries
from trainer.model.encoder import Encoder
from trainer.model.harmoniser import Harmoniser

__all__ = ["Activation", "Encoder", "Harmoniser", "code_head", "code_head_entries"]
