"""Recognises errors that mean a lack of memory."""

import torch

__all__ = ["lacks_memory"]

#: Messages of RuntimeErrors that mean a lack of memory.
NO_MEMORY = ("out of memory", "can't allocate memory")


def lacks_memory(error: BaseException) -> bool:
    """Whether an error of Python or torch means a lack of memory."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)
