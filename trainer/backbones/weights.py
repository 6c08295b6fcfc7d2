"""Weights files: fetching them from the hub, reading them, naming their content."""

import hashlib
import warnings
from collections.abc import Collection
from pathlib import Path
from pickle import UnpicklingError  # noqa: TID251 - only to catch what torch.load raises
from typing import Any

import safetensors.torch
import torch
from safetensors import SafetensorError

from trainer.errors import WeightsError

__all__ = ["digest_file", "fetch_hub_file", "list_keys", "read_state"]

PATIENCE = 5  # seconds for the hub's first answer


def fetch_hub_file(repository: str, filename: str) -> Path:
    """The file in the local hub cache, fetched if it is not there yet.

    Raises:
        WeightsError: If it is not there and the hub cannot be reached or refuses.
    """
    import huggingface_hub  # takes a second, and most runs need no hub
    from huggingface_hub.errors import EntryNotFoundError, HTTPError  # type: ignore[attr-defined]

    name, _, revision = repository.partition("@")
    wanted = {"repo_id": name, "filename": filename, "revision": revision or None}
    try:
        return Path(huggingface_hub.hf_hub_download(**wanted, local_files_only=True))  # type: ignore[call-overload]
    except EntryNotFoundError:
        pass
    try:
        # One short question first: a download retries for minutes where there is no network.
        url = huggingface_hub.hf_hub_url(**wanted)  # type: ignore[arg-type]
        huggingface_hub.get_hf_file_metadata(url, timeout=PATIENCE)
        return Path(huggingface_hub.hf_hub_download(**wanted))  # type: ignore[call-overload]
    except (EntryNotFoundError, HTTPError, OSError) as error:
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise WeightsError(
            f"cannot fetch {filename} of {name} from the hub ({reason}): connect to it once, set"
            " backbone.weights to the path of a file, or to 'random' to go without trained weights"
        ) from error


def read_state(path: Path) -> dict[str, Any]:
    """Tensors of a safetensors file, or of a torch file without any code in it.

    Raises:
        WeightsError: If it is neither.
    """
    try:
        if path.suffix == ".safetensors":
            return dict(safetensors.torch.load_file(path))
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # a foreign file is refused below, in one line
            state = torch.load(path, map_location="cpu", weights_only=True)
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
    if not isinstance(state, dict):
        raise _unreadable(path, TypeError("it holds no table of tensors"))
    return state


def digest_file(path: Path) -> str:
    """Hash of a file's content, 32 hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()[:32]


def list_keys(keys: Collection[str], shown: int = 3) -> str:
    """A few names and how many there are."""
    first = sorted(keys)[:shown]
    rest = len(keys) - len(first)
    return f"{len(keys)}: {', '.join(first)}" + (f" and {rest} more" if rest else "")


def _unreadable(path: Path, error: BaseException) -> WeightsError:
    reason = (str(error).strip() or type(error).__name__).splitlines()[0]
    return WeightsError(
        f"cannot read the weights {path} ({reason[:120]}): give a safetensors file or a torch"
        " file of plain tensors"
    )
