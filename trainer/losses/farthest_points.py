"""Points of a depth map that are far from each other in space.

Letters of shapes: ``docs/architecture.md``, and G maps.

Farthest point sampling as in DepthG (Sick et al., CVPR 2024): tokens are placed in space by their
depth, and each next one is the farthest from all chosen so far. The first is the top left token,
as in the authors' code (leonsick/depthg at 0316879), so the points depend on the depth alone.

Three things differ from that code. Its field of view is 90, but in radians; here it is 90 degrees.
It swaps rows and columns of the points when it samples; here a point is where its depth is. And
its number of points shrinks during training, which costs nothing there and saves nothing here.
"""

import math

import torch
from torch import Tensor

__all__ = ["farthest_points"]

FIELD_OF_VIEW = math.radians(90)  # across; authors' code
FAR = 5.0  # distance of depth 1, relative to the width of the view at distance 1; authors' code


@torch.no_grad()
def farthest_points(depth_SNT: Tensor, grid: tuple[int, int], *, count: int) -> Tensor:
    """The centres of tokens that are far apart.

    Args:
        depth_SNT: Depth of every token.
        grid: Tokens down and across (H, W).
        count: Number Q of points; if there are fewer tokens, they are repeated in order.

    Returns:
        Points (x, y) in [-1, 1]^2 with shape (S, N, Q, 2); -1 is the centre of the first token.
    """
    rows, columns = grid
    chosen = _order(_in_space(depth_SNT.flatten(0, 1), grid), min(count, rows * columns))
    repeated = chosen[:, torch.arange(count, device=chosen.device) % chosen.shape[1]]
    places = torch.stack([repeated % columns, repeated // columns], dim=-1)
    last = torch.tensor([max(columns - 1, 1), max(rows - 1, 1)], device=places.device)
    points = 2 * places.to(depth_SNT.dtype) / last - 1
    return points.view(*depth_SNT.shape[:2], count, 2)


def _in_space(depth_GT: Tensor, grid: tuple[int, int]) -> Tensor:
    """Position of each token in space: (G, T, 3)."""
    across, down = (
        (torch.arange(size, device=depth_GT.device, dtype=depth_GT.dtype) + 0.5) / size - 0.5
        for size in (grid[1], grid[0])
    )
    width = 2 * math.tan(FIELD_OF_VIEW / 2)
    x_T = (width * across).repeat(grid[0])
    y_T = (width * down).repeat_interleave(grid[1])
    return torch.stack([x_T * depth_GT, y_T * depth_GT, FAR * depth_GT], dim=-1)


def _order(places_GT3: Tensor, count: int) -> Tensor:
    """Tokens by turns farthest from those before, with shape (G, count)."""
    maps = torch.arange(len(places_GT3), device=places_GT3.device)
    latest_G = torch.zeros_like(maps)
    nearest_GT = places_GT3.new_full(places_GT3.shape[:2], math.inf)
    chosen = [latest_G]
    for _ in range(count - 1):
        distance_GT = (places_GT3 - places_GT3[maps, latest_G].unsqueeze(1)).square().sum(dim=-1)
        nearest_GT = torch.minimum(nearest_GT, distance_GT)
        nearest_GT[maps, latest_G] = -1  # never again
        latest_G = nearest_GT.argmax(dim=1)
        chosen.append(latest_G)
    return torch.stack(chosen, dim=1)
