"""torch, the device it would train on, and how much of it, and of memory, there is."""

import torch

from search.doctor.check import Check, failed, ok, warning
from search.doctor.subject import Subject
from search.errors import SettingsError
from search.machine.reservations import holders
from search.machine.resources import find_machine, quota_text, usable_cores
from trainer.console.sizes import bytes_text
from trainer.control_group import limits, usable_memory

__all__ = ["check_cores", "check_device", "check_memory"]

#: A worker that has imported torch and holds no features; `--dry-run` measures the real need.
LEAST_WORKER_BYTES = 400 * 2**20


def check_device(subject: Subject) -> Check:
    """Whether torch computes on the device."""
    try:
        machine = find_machine(
            subject.device, subject.workers, joined=subject.ray_address is not None
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
            "install a torch that fits the driver, or compute without the GPU:"
            f" {subject.launch('--device', 'cpu')}",
        )
    names = [torch.cuda.get_device_name(index) for index in range(len(machine.gpus))]
    where = f"{len(names)} GPU ({', '.join(names)})" if names else "cpu"
    return ok("device", f"torch {torch.__version__}, {where}, {machine.workers} workers")


def check_cores(subject: Subject) -> Check:
    """Whether other searches hold the machine's cores."""
    cores, held = len(usable_cores()), holders()
    taken = sum(name.startswith("core-") for name in held)
    quota = quota_text()
    if not held:
        return ok("cores", f"{cores}, all free" + (f"; {quota}" if quota else ""))
    who = ", ".join(sorted(set(held.values())))
    return warning("cores", f"{taken} of {cores} are held by {who}", subject.launch("--wait"))


def check_memory(subject: Subject) -> Check:
    """How much memory there is, and whether workers of this process's own size fit in it."""
    memory = usable_memory()
    limited = limits().memory is not None
    found = bytes_text(memory) + (", a limit of this process's control group" * limited)
    fit = memory // LEAST_WORKER_BYTES
    if fit < 1:
        return failed("memory", f"{found}: a worker takes more", "raise the limit of memory")
    workers = subject.workers or len(usable_cores())
    if subject.ray_address is None and subject.device == "cpu" and workers > fit:
        mend = subject.launch("--workers", str(fit))
        return warning("memory", f"{found}: enough for about {fit} of {workers} workers", mend)
    return ok("memory", found)
