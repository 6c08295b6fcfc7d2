"""The modality ``depth`` of NYU-Depth-v2: HHA files, or metric depth that is encoded here."""

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from trainer.datasets.base import Image
from trainer.datasets.decoding import read_array, read_integers, read_rgb
from trainer.datasets.depth_encoding import Intrinsics, encode_hha, encode_inverse_depth
from trainer.datasets.headers import is_array
from trainer.datasets.nyu.folders import FrameFiles, find_files
from trainer.errors import DataError

__all__ = ["NYU_CAMERA", "DepthImages", "find_depth", "read_metres"]

#: The colour camera of NYU-Depth-v2, to which depth is registered, as in the data set's toolbox
#: except that pixels count from 0 here and from 1 there.
NYU_CAMERA = Intrinsics(fx=518.857901, fy=519.469611, cx=324.582449, cy=252.736166)
NYU_SIZE = (480, 640)  # height and width of the camera's pictures

MILLIMETRES = np.float32(1000)  # per metre; the unit of PNG files
FARTHEST = 100.0  # metres: larger numbers are not in metres


@dataclass(frozen=True, kw_only=True)
class DepthImages:
    """Files and reader of the modality."""

    stock: FrameFiles
    read: Callable[[Path], Image]
    #: All that determines the images apart from the files.
    identity: Mapping[str, Any]
    note: str
    #: Whether an image takes long to compute.
    computed: bool = False
    #: Finds the unmeasured pixels; None if files do not mark them.
    holes: Callable[[Path], NDArray[np.bool_]] | None = None


def find_depth(
    root: Path, encoding: Literal["hha", "inverse"], intrinsics: Intrinsics | None
) -> DepthImages:
    """HHA files if requested and present, else metric depth.

    Args:
        root: The data set's folder.
        encoding: Encoding of depth.
        intrinsics: The camera of the metric depth; None for NYU's.

    Raises:
        DataError: If there is no folder with suitable files.
    """
    files = find_files(root, "HHA") if encoding == "hha" else None
    if files is not None:
        return DepthImages(
            stock=files,
            read=read_rgb,
            identity={"depth": "HHA files"},
            note=f"depth is read from the HHA files of {files.folder.name}/",
        )
    metric = find_files(root, "Depth")
    if metric is None:
        wanted = "HHA or Depth" if encoding == "hha" else "Depth"
        raise DataError(
            f"{root} has no folder {wanted} for depth_encoding = {encoding!r}: add it or leave"
            " 'depth' out of data.modalities"
        )
    camera = intrinsics or NYU_CAMERA
    text = f"fx {camera.fx:g}, fy {camera.fy:g}, cx {camera.cx:g}, cy {camera.cy:g}"
    return DepthImages(
        stock=metric,
        read=partial(_read_hha, camera=intrinsics) if encoding == "hha" else _read_inverse,
        identity={"depth": encoding, "camera": asdict(camera) if encoding == "hha" else None},
        note=f"depth is HHA computed from {metric.folder.name}/ with the camera {text}"
        if encoding == "hha"
        else f"depth is inverse depth computed from {metric.folder.name}/",
        computed=encoding == "hha",
        holes=_unmeasured,
    )


def read_metres(path: Path) -> NDArray[np.float32]:
    """Metric depth: an ``.npy`` file in metres, or a 16-bit PNG file in millimetres.

    Returns:
        Metres with shape (h, w), from 0 to 100, not all 0; 0 for no measurement.

    Raises:
        DataError: If the file cannot be decoded or does not hold depth.
    """
    if is_array(path):
        metres = read_array(path)
    else:
        metres = read_integers(path, channels=1, bits=(16,)).astype(np.float32) / MILLIMETRES
    least, most = float(metres.min()), float(metres.max())
    if least < 0 or not 0 < most <= FARTHEST:
        raise DataError(
            f"{path} has depths from {least:g} to {most:g} m: give metres, and 0 where nothing"
            " was measured"
        )
    return metres


def _unmeasured(path: Path) -> NDArray[np.bool_]:
    return np.equal(read_metres(path), 0)


def _read_inverse(path: Path) -> Image:
    return encode_inverse_depth(read_metres(path))


def _read_hha(path: Path, *, camera: Intrinsics | None) -> Image:
    metres = read_metres(path)
    if camera is None and metres.shape != NYU_SIZE:
        height, width = metres.shape
        raise DataError(
            f"{path} is {width} x {height} pixels but NYU's camera took 640 x 480: give its own in"
            " [data.options.intrinsics]"
        )
    return encode_hha(metres, camera or NYU_CAMERA)
