"""EiCue of EAGLE: eigenvectors of a graph of tokens, clustered into objects.

Letters of shapes: ``docs/architecture.md``, and E eigenvectors, O objects.

EAGLE (Kim et al., CVPR 2024); authors' code: MICV-yonsei/EAGLE at 5f2976c. Tokens of a crop are
joined by the similarity of their codes and of their colours. The eigenvectors of the smallest
eigenvalues of the normalised Laplacian, without the first one, are channels in which tokens of one
object lie close. A table of centres, which all crops share, groups them softly; the nearest centre
of a token is its object. Nothing here has a gradient but the table.

Colours: the affinity is exp(-d^2 / (2 * 0.1^2)). The authors divide colours that are normalised
already by 255, so that all their affinities are nearly 1 (``constant``).

An eigenvector has no sign of its own. Here more than half of its entries are never positive. The
authors turn the vectors of a crop together, by the share of positive entries among all of them.
"""

from typing import Literal

import torch
from torch import Tensor

from trainer.nn.alignment import each_slot
from trainer.nn.precision import in_full
from trainer.nn.unit import unit

__all__ = ["Colours", "eigenvectors", "object_clusters"]

Colours = Literal["image", "constant"]

WIDTH = 0.1  # of the affinity of colours from 0 to 1; authors' code
TINY = 1e-12  # smallest degree of a token; authors' code
EPSILON = 1e-12  # of the cosines


@torch.no_grad()
def eigenvectors(
    codes_NTK: Tensor, colours_NT3: Tensor, *, count: int, colours: Colours
) -> Tensor:
    """The eigenvectors after the first one, smallest eigenvalues first.

    Args:
        codes_NTK: Codes, of any length.
        colours_NT3: Mean colour of each token, from 0 to 1.
        count: Number E of eigenvectors to keep.
        colours: Whether the colours count.

    Returns:
        Tensor with shape (N, T, E); NaN for crops whose codes are not finite.
    """
    with in_full(codes_NTK.device):
        codes = codes_NTK.double()
        similar_NTT = (codes @ codes.mT).clamp(min=0)
        graph_NTT = similar_NTT / _largest(similar_NTT) + _alike(colours_NT3.double(), colours)
        degree_NT = graph_NTT.sum(dim=-1)
        root_NT = torch.where(degree_NT < TINY, 1, degree_NT).rsqrt()
        within_NTT = root_NT.unsqueeze(-1) * graph_NTT * root_NT.unsqueeze(-2)
        identity = torch.eye(within_NTT.shape[-1], dtype=torch.float64, device=codes.device)
        vectors_NTE = _eigenvectors(identity - within_NTT)[..., 1 : 1 + count]
    positive_N1E = (vectors_NTE > 0).double().mean(dim=1, keepdim=True)
    return torch.where(positive_N1E > 0.5, -vectors_NTE, vectors_NTE).to(codes_NTK.dtype)


def _largest(values_NTT: Tensor) -> Tensor:
    return values_NTT.amax(dim=(1, 2), keepdim=True).clamp(min=TINY)


def _alike(colours_NT3: Tensor, colours: Colours) -> Tensor:
    """Affinity of colours, at most 1: (N, T, T)."""
    if colours == "constant":
        return torch.ones_like(colours_NT3 @ colours_NT3.mT)
    apart_NTT3 = colours_NT3.unsqueeze(2) - colours_NT3.unsqueeze(1)
    return torch.exp(-apart_NTT3.square().sum(dim=-1) / (2 * WIDTH**2))


def _eigenvectors(laplacian_NTT: Tensor) -> Tensor:
    """Columns of each matrix by ascending eigenvalue; on a CPU each from memory of its own.

    Those of a matrix that is not finite are NaN: ``eigh`` would raise and stop all slots.
    """
    finite_N11 = laplacian_NTT.isfinite().all(dim=-1).all(dim=-1)[:, None, None]
    identity = torch.eye(
        laplacian_NTT.shape[-1], dtype=laplacian_NTT.dtype, device=laplacian_NTT.device
    )
    finite_NTT = torch.where(finite_N11, laplacian_NTT, identity)
    on_cpu = finite_NTT.device.type == "cpu"
    parts = [each.clone() for each in torch.split(finite_NTT, 1)] if on_cpu else [finite_NTT]
    vectors_NTT = torch.cat([torch.linalg.eigh(part)[1] for part in parts])
    return torch.where(finite_N11, vectors_NTT, torch.nan)


def object_clusters(
    vectors_SBTE: Tensor, centres_SOE: Tensor, sample_weight_SB: Tensor
) -> tuple[Tensor, Tensor]:
    """Loss of the table of centres, and the object of each token.

    The loss is minus the mean of the cosines, weighted by their softmax over the centres.

    Returns:
        Tensors with shape (S,) and (S, B, T).
    """

    def of_slots(vectors_SBTE: Tensor, centres_SOE: Tensor, weight_SB: Tensor) -> Tensor:
        cosines_SBTO = _cosines(vectors_SBTE, centres_SOE)
        chosen_SBT = (cosines_SBTO.softmax(dim=-1) * cosines_SBTO).sum(dim=-1)
        return -(chosen_SBT.mean(dim=2) * weight_SB).sum(dim=1)

    tensors = (vectors_SBTE, centres_SOE, sample_weight_SB)
    loss_S = each_slot(of_slots, *tensors, slots=len(centres_SOE))
    with torch.no_grad():
        objects_SBT = _cosines(vectors_SBTE, centres_SOE).argmax(dim=-1)
    return loss_S, objects_SBT


def _cosines(vectors_SBTE: Tensor, centres_SOE: Tensor) -> Tensor:
    """Of every token and centre: (S, B, T, O). Products of a few channels are summed directly."""
    vectors = unit(vectors_SBTE, epsilon=EPSILON).unsqueeze(3)
    centres = unit(centres_SOE, epsilon=EPSILON)[:, None, None]
    return (vectors * centres).sum(dim=-1)
