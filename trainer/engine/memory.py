"""Which errors say that memory was not to be had."""

import torch

__all__ = ["lacks_memory"]

#: What an error says that has no type of its own.
NO_MEMORY = ("out of memory", "can't allocate memory")


def lacks_memory(error: BaseException) -> bool:
    """Whether an error of Python or torch says that memory was not enough."""
    if isinstance(error, MemoryError | torch.OutOfMemoryError):
        return True
    return isinstance(error, RuntimeError) and any(text in str(error) for text in NO_MEMORY)
