"""Weights files: fetching them from the hub, reading them, and hashing their content.

Training scripts put the weights into tables and wrap their names; both is undone here. Other
stored objects (further networks, optimisers, arguments) are not read.
"""

import hashlib
import warnings
from collections.abc import Collection, Mapping
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - only to catch what torch.load raises
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from trainer.backbones.torch_files import StoredTensor, TorchFile, is_torch_archive
from trainer.errors import WeightsError

__all__ = ["digest_file", "fetch_hub_file", "list_keys", "read_state"]

SHOWN = 3  # names in a message
PATIENCE = 5  # seconds for the hub's first answer
#: Tables of weights in training scripts; of a student and its teacher, authors use the teacher.
CHECKPOINT_PARTS = ("teacher", "model_ema", "model", "module", "state_dict", "encoder")
WRAPPER, TRUNK = "module.", "backbone."  # prefixes added by wrappers
#: Networks that DINO, DINOv2 and DINOv3 train in addition, stored next to ``backbone.``.
HEADS = ("head.", "dino_head.", "ibot_head.")


def fetch_hub_file(repository: str, filename: str) -> Path:
    """The file in the local hub cache; fetched if it is not there yet.

    Raises:
        WeightsError: If it is not there and the hub cannot be reached or refuses.
    """
    import huggingface_hub  # lazily: takes a second, and most runs do not need it
    from huggingface_hub.errors import EntryNotFoundError, HTTPError  # type: ignore[attr-defined]

    name, _, revision = repository.partition("@")
    wanted = {"repo_id": name, "filename": filename, "revision": revision or None}
    try:
        return Path(huggingface_hub.hf_hub_download(**wanted, local_files_only=True))  # type: ignore[call-overload]
    except EntryNotFoundError:
        pass
    try:
        # First a short request, because a download retries for minutes without a network.
        url = huggingface_hub.hf_hub_url(**wanted)  # type: ignore[arg-type]
        huggingface_hub.get_hf_file_metadata(url, timeout=PATIENCE)
        return Path(huggingface_hub.hf_hub_download(**wanted))  # type: ignore[call-overload]
    except (EntryNotFoundError, HTTPError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"cannot fetch {filename} of {name} from the hub ({reason}): connect to it once, set"
            " backbone.weights to the path of a file, or to 'random' to go without trained weights"
        ) from error


def read_state(path: Path) -> dict[str, torch.Tensor]:
    """Weights of a safetensors or torch file by name, without additions of training scripts.

    Code in a torch file is not run.

    Raises:
        WeightsError: If it is neither, or contains no tensors.
    """
    try:
        state = _read_state(path)
    except (
        SafetensorError,
        UnpicklingError,
        EOFError,
        LookupError,
        OSError,
        RuntimeError,
        ValueError,
    ) as error:
        raise _unreadable(path, error) from error
    if not state:
        raise _unreadable(path, TypeError("it has no table of tensors"))
    return state


def _read_state(path: Path) -> dict[str, torch.Tensor]:
    if path.suffix == ".safetensors":
        return _unwrap(safetensors.torch.load_file(path))
    if is_torch_archive(path):
        with TorchFile(path) as file:
            return file.tensors(_unwrap(file.content))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a foreign file is refused, in one line
        return _unwrap(torch.load(path, map_location="cpu", weights_only=True))


def _unwrap(state: Any) -> dict[str, Any]:
    """The tensors of the backbone's table, without prefixes of wrappers."""
    if not isinstance(state, Mapping):
        return {}
    for part in CHECKPOINT_PARTS:
        if isinstance(state.get(part), Mapping):
            state = state[part]
    kinds = (torch.Tensor, StoredTensor)
    kept = {str(key): value for key, value in state.items() if isinstance(value, kinds)}
    if all(key.startswith(WRAPPER) for key in kept):
        kept = {key.removeprefix(WRAPPER): value for key, value in kept.items()}
    if any(key.startswith(TRUNK) for key in kept):
        kept = {
            key.removeprefix(TRUNK): value
            for key, value in kept.items()
            if not key.startswith(HEADS)
        }
    return kept


def digest_file(path: Path) -> str:
    """Hash of a file's content, 32 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def list_keys(keys: Collection[str]) -> str:
    """The number of names, and the first few."""
    first = sorted(keys)[:SHOWN]
    rest = len(keys) - len(first)
    return f"{len(keys)}: {', '.join(first)}" + (f" and {rest} more" if rest else "")


def _unreadable(path: Path, error: BaseException) -> WeightsError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return WeightsError(
        f"cannot read the weights {path} ({reason[:120]}): give a safetensors file or a torch"
        " file of plain tensors"
    )
