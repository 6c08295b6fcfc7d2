"""torch, the device it would train on, and how much of it is free."""

import torch

from search.doctor.check import Check, failed, ok, warning
from search.doctor.subject import Subject
from search.errors import SettingsError
from search.machine.reservations import holders
from search.machine.resources import find_machine, usable_cores

__all__ = ["check_cores", "check_device"]


def check_device(subject: Subject) -> Check:
    """Whether torch computes on the device."""
    try:
        machine = find_machine(
            subject.device, subject.workers, joined=subject.ray_address is not None
        )
    except SettingsError as error:
        return failed("device", str(error), f"{subject.launch} --device cpu")
    try:
        float(torch.ones(8, device=machine.own_device).sum())
    except RuntimeError as error:
        return failed(
            "device",
            f"torch {torch.__version__} cannot compute on {machine.own_device}:"
            f" {str(error).splitlines()[0]}",
            f"{subject.launch} --device cpu, or install a torch that fits the driver",
        )
    names = [torch.cuda.get_device_name(index) for index in range(len(machine.gpus))]
    where = f"{len(names)} GPU ({', '.join(names)})" if names else "cpu"
    return ok("device", f"torch {torch.__version__}, {where}, {machine.workers} workers")


def check_cores(subject: Subject) -> Check:
    """Whether other searches hold the machine's cores."""
    cores, held = len(usable_cores()), holders()
    taken = sum(name.startswith("core-") for name in held)
    if not held:
        return ok("cores", f"{cores}, all free")
    who = ", ".join(sorted(set(held.values())))
    return warning("cores", f"{taken} of {cores} are held by {who}", f"{subject.launch} --wait")
