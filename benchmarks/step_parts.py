"""Where the time of a training step goes, beside what the machine can do.

    python -m benchmarks.step_parts [--device cuda] [--batches 8 32] [--repeats 5] [--quick]

Each part of a step runs by itself, forward and backward, on tensors of a real step. The table
shows its operations (as PyTorch counts them, those of products), the bytes that its operators read
and write, and the rates of both as shares of a large product's and of a large copy's, timed in the
same turns. A share of the copy's rate above 100 % is possible: what fits into the cache is not
read from memory. Needs neither Optuna nor Ray nor a database.
"""

import argparse
from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode

from benchmarks.markdown import markdown_table
from benchmarks.measuring import Timing, append_result, interleaved, machine, machine_text
from benchmarks.step import FULL, QUICK, Size, count_operations, product, start_slots
from trainer.engine.slots import Slots, gradient_of, trainable
from trainer.losses import PairPoints, cmcs_weights, correspondence
from trainer.losses.draws import stack_draws
from trainer.losses.sampling import locate, sample_codes
from trainer.losses.targets import sample_targets
from trainer.methods.base import StepTerms
from trainer.methods.networks.unim2 import UniM2
from trainer.model import code_head

__all__ = ["main", "text"]

PRODUCT, COPY, STEP = "large product", "large copy", "whole step"
HEADER = (
    "batch", "part", "milliseconds: min / median / max", "GFLOP", "share of the product rate, %",
    "MB read and written", "share of the copy rate, %",
)  # fmt: skip
Part = Callable[[], object]


class _Bytes(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Within it, the bytes of the tensors that operators read and write are summed."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.total: int = 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: Sequence[Any] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        made = func(*args, **(kwargs or {}))
        if not func.is_view:
            tensors = [each for each in (*args, made) if isinstance(each, Tensor)]
            self.total += sum(_stored_bytes(each) for each in tensors)
        return made


def _stored_bytes(tensor: Tensor) -> int:
    """Bytes of the numbers of a tensor; a number that is repeated along an axis counts once."""
    pairs = zip(tensor.shape, tensor.stride(), strict=True)
    count = 1
    for length, stride in pairs:
        count *= length if stride else 1
    return count * tensor.element_size()


def parts_of(slots: Slots) -> dict[str, Part]:
    """The parts of a step of slots that train UniM2, each ready to run."""
    method, training = slots._method, slots._config.training
    assert isinstance(method, UniM2)
    device = slots._device
    drawn = stack_draws([slots._draws[0].step()])
    draws = drawn.to(device)

    def read() -> Any:
        return slots._batches.read(
            drawn,
            positives=True,
            iteration_S=slots._rows.model.steps_S1.squeeze(1),
            iterations=training.iterations,
        )

    batch = read()
    parameters = trainable(slots._layouts.parameters, slots._rows.model)
    probes = trainable(slots._layouts.probes, slots._rows.probes)
    points = PairPoints.of(draws, batch.grid)
    weights, biases = cmcs_weights(
        slots._rows.hyper,
        modalities=slots._dataset_features.modalities,
        random_draws=draws.random_draws,
    )
    masks = draws.masks_SDNC[:, :2]

    def encode() -> Tensor:
        return method._encoder(batch.tokens_SMNTC, parameters, {}, draws.sample_weight_SB)

    fused = _leaf(encode())
    code = _leaf(code_head(fused, parameters, masks))
    codes = _leaf(method._harmoniser(code, parameters))
    sites = locate(points, crops=codes.shape[2])
    factors = torch.ones(sites.maps_GJ.shape, device=device)
    loss = [_leaf(code[:, : draws.batch])]

    def compare() -> Tensor:
        return correspondence(
            batch.tokens_SMNTC, codes, points, weights_SMJ=weights, biases_SMJ=biases
        )

    def probe() -> Tensor:
        return slots._probe_loss(loss[0], probes, draws)

    gradient = torch.ones_like(slots._rows.model.leaf_SP)
    probe_gradient = torch.ones_like(slots._rows.probes.leaf_SP)
    nothing = StepTerms(terms={}, codes_SBTK=codes, buffers={})
    return {
        "draws": lambda: slots._draws[0].step(),
        "batch from the cache": read,
        "MSN and fusion": _both_ways(encode, parameters.values()),
        "code head": _both_ways(
            lambda: code_head(fused, parameters, masks), [fused, *parameters.values()]
        ),
        "harmonisers": _both_ways(
            lambda: method._harmoniser(code, parameters), [code, *parameters.values()]
        ),
        "sampling of targets": lambda: sample_targets(batch.tokens_SMNTC, sites, factors),
        "sampling of codes": _both_ways(lambda: sample_codes(codes, sites), [codes]),
        "correspondence with sampling": _both_ways(compare, [codes]),
        "probes": lambda: gradient_of(slots._layouts.probes, probe(), probes),
        "Adam": lambda: slots._updated(slots._rows, gradient, probe_gradient, nothing),
    }


def _leaf(tensor: Tensor) -> Tensor:
    return tensor.detach().requires_grad_()


def _both_ways(forward: Callable[[], Tensor], leaves: Any) -> Part:
    """The forward pass, and the gradient of its sum with respect to the leaves."""
    wanted = list(leaves)

    def run() -> None:
        torch.autograd.grad(forward().sum(), wanted, allow_unused=True)

    return run


def measure(size: Size, batch: int, *, device: torch.device, repeats: int) -> list[dict[str, Any]]:
    """One row for each part, for the whole step, and for the machine's two rates."""
    slots = start_slots(size, batch, "fp32", device)
    parts = {**parts_of(slots), STEP: slots.step}
    counts = {name: (count_operations(part), _bytes_of(part)) for name, part in parts.items()}
    source = torch.ones(size.copy, device=device)
    target = torch.empty_like(source)
    counts[PRODUCT] = (2 * size.product**3, 0)
    counts[COPY] = (0, 2 * source.nbytes)
    ceilings: dict[str, Part] = {
        PRODUCT: product(size.product, "fp32", device),
        COPY: lambda: target.copy_(source),
    }
    times = interleaved({**parts, **ceilings}, repeats=repeats, device=device)
    product_rate = counts[PRODUCT][0] / times[PRODUCT].median
    copy_rate = counts[COPY][1] / times[COPY].median
    return [
        {
            "batch": batch,
            "part": name,
            "seconds": [round(value, 5) for value in each.seconds],
            "operations": counts[name][0],
            "bytes": counts[name][1],
            "share_of_product_rate": counts[name][0] / each.median / product_rate,
            "share_of_copy_rate": counts[name][1] / each.median / copy_rate,
        }
        for name, each in times.items()
    ]


def _bytes_of(part: Part) -> int:
    with _Bytes() as found:
        part()
    total: int = found.total
    return total


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print the table, and save the result."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.step_parts", description=__doc__)
    parser.add_argument("--device", default="cpu", type=torch.device)
    parser.add_argument("--batches", nargs="+", type=int, default=[8, 32])
    parser.add_argument("--repeats", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="tiny sizes; results are not saved")
    asked = parser.parse_args(arguments)
    size = QUICK if asked.quick else FULL
    rows = [
        row
        for batch in asked.batches
        for row in measure(size, batch, device=asked.device, repeats=asked.repeats)
    ]
    record = {"rows": rows, **machine(asked.device)}
    print(text(record))
    if not asked.quick:
        print(f"saved to {append_result('step_parts', [record])}")


def text(record: Mapping[str, Any]) -> str:
    """A measurement as a table."""
    cells = [
        (
            row["batch"],
            row["part"],
            Timing(seconds=tuple(1000 * each for each in row["seconds"])).text(),
            f"{row['operations'] / 1e9:.1f}" if row["operations"] else "",
            f"{100 * row['share_of_product_rate']:.0f}" if row["operations"] else "",
            f"{row['bytes'] / 1e6:.0f}" if row["bytes"] else "",
            f"{100 * row['share_of_copy_rate']:.0f}" if row["bytes"] else "",
        )
        for row in record["rows"]
    ]
    return f"{machine_text(record)}:\n\n{markdown_table(HEADER, cells)}"


if __name__ == "__main__":
    main()
