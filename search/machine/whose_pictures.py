"""Which trials of a search get pictures."""

from typing import Literal

__all__ = ["DEFAULT_PICTURES", "WhosePictures"]

#: The complete ones, the pruned ones as well, or none.
WhosePictures = Literal["finished", "all", "none"]
DEFAULT_PICTURES: WhosePictures = "finished"
