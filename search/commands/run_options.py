"""Flags to run options: find the devices, and fill in default folders."""

from search.checkpoints.folders import default_checkpoint_root
from search.commands.flag_groups import ResourceFlags, RunFlags
from search.errors import SettingsError
from search.machine.reservations import SharingPolicy
from search.machine.resources import find_machine
from search.machine.run_options import Paths, RunOptions
from trainer.config.paths import user_path
from trainer.features.cache import cache_root

__all__ = ["find_paths", "find_run_options"]


def find_run_options(flags: RunFlags) -> RunOptions:
    """The run options that the flags describe, on this machine.

    Raises:
        SettingsError: If the device is unknown or missing, the number of workers or slots is out
            of range, or there is no GPU here to measure the slots on.
    """
    joined, slots = flags.ray is not None, flags.slot_count()
    count = 1 if slots is None else slots
    machine = find_machine(flags.device, flags.workers, slots=count, joined=joined)
    measure_slots = slots is None and machine.device != "cpu"
    if measure_slots and machine.own_device == "cpu":
        raise SettingsError(
            "--slots auto measures a GPU of this host, but it has none: give a number"
        )
    return RunOptions(
        machine=machine,
        measure_slots=measure_slots,
        paths=find_paths(flags, flags.artifacts),
        ray_address=flags.ray,
        sharing=SharingPolicy(
            exactly=flags.workers is not None, wait=flags.wait, oversubscribe=flags.oversubscribe
        ),
        patience=flags.db_patience,
        stall_timeout=flags.stall_timeout,
        standby=flags.standby,
        pictures=flags.pictures,
    )


def find_paths(flags: ResourceFlags, artifacts: str | None = None) -> Paths:
    """The folders or their defaults, as absolute paths: a search may resume in another folder."""
    if artifacts is not None and "://" not in artifacts:
        artifacts = str(user_path(artifacts).resolve())
    return Paths(
        cache=cache_root(flags.cache).resolve(),
        checkpoints=(flags.checkpoints or default_checkpoint_root()).resolve(),
        artifacts=artifacts,
    )
