"""The device to train on, free cores, and memory."""

import torch

from search.doctor.check import Check, failed, ok, warning
from search.doctor.subject import Subject
from search.errors import SettingsError
from search.machine.reservations import holders
from search.machine.resources import find_machine, quota_text, usable_cores
from trainer.console.sizes import bytes_text
from trainer.control_group import limits, usable_memory

__all__ = ["check_cores", "check_device", "check_memory"]

#: Memory of a worker that has only imported torch; ``--dry-run`` measures the real need.
LEAST_WORKER_BYTES = 400 * 2**20


def check_device(subject: Subject) -> Check:
    """Check whether torch can compute on the device."""
    try:
        machine = find_machine(
            subject.device,
            subject.workers,
            slots=1 if subject.slots is None else subject.slots,
            joined=subject.ray_address is not None,
        )
    except SettingsError as error:
        return failed("device", str(error), subject.launch("--device", "cpu"))
    try:
        float(torch.ones(8, device=machine.own_device).sum())
    except RuntimeError as error:
        return failed(
            "device",
            f"torch {torch.__version__} cannot compute on {machine.own_device}:"
            f" {str(error).splitlines()[0]}",
            "install a torch that supports the GPU's driver, or train on the CPU:"
            f" {subject.launch('--device', 'cpu')}",
        )
    names = [torch.cuda.get_device_name(index) for index in range(len(machine.gpus))]
    where = f"{len(names)} GPU ({', '.join(names)})" if names else "cpu"
    slots = "" if machine.slots == 1 else f" with {machine.slots} slots each"
    return ok("device", f"torch {torch.__version__}, {where}, {machine.workers} workers{slots}")


def check_cores(subject: Subject) -> Check:
    """Check whether other searches hold the machine's cores."""
    cores, held = len(usable_cores()), holders()
    taken = sum(name.startswith("core-") for name in held)
    quota = quota_text()
    if not held:
        return ok("cores", f"{cores}, all free" + (f"; {quota}" if quota else ""))
    who = ", ".join(sorted(set(held.values())))
    return warning("cores", f"{taken} of {cores} are held by {who}", subject.launch("--wait"))


def check_memory(subject: Subject) -> Check:
    """Check whether the memory is enough for the workers."""
    memory = usable_memory()
    limited = limits().memory is not None
    found = bytes_text(memory) + (", the limit of this process's control group" * limited)
    fit = memory // LEAST_WORKER_BYTES
    if fit < 1:
        return failed("memory", f"{found}: too little for one worker", "raise the memory limit")
    workers = subject.workers or len(usable_cores())
    if subject.ray_address is None and subject.device == "cpu" and workers > fit:
        fix = subject.launch("--workers", str(fit))
        return warning("memory", f"{found}: enough for about {fit} of {workers} workers", fix)
    return ok("memory", found)
