"""From flags to run options: devices looked up, defaults of folders filled in."""

from search.checkpoints.folders import default_checkpoint_root
from search.commands.flag_groups import ResourceFlags, RunFlags
from search.machine.reservations import SharingPolicy
from search.machine.resources import find_machine
from search.machine.run_options import Paths, RunOptions
from trainer.config.paths import user_path
from trainer.features.cache import cache_root

__all__ = ["find_paths", "find_run_options"]


def find_run_options(flags: RunFlags) -> RunOptions:
    """Where and on what to run, as the flags and this machine have it.

    Raises:
        SettingsError: If the device is unknown or absent, or the number of workers out of range.
    """
    return RunOptions(
        machine=find_machine(flags.device, flags.workers, joined=flags.ray is not None),
        paths=find_paths(flags, flags.artifacts),
        ray_address=flags.ray,
        sharing=SharingPolicy(
            exactly=flags.workers is not None, wait=flags.wait, oversubscribe=flags.oversubscribe
        ),
        patience=flags.db_patience,
        stall_timeout=flags.stall_timeout,
        standby=flags.standby,
    )


def find_paths(flags: ResourceFlags, artifacts: str | None = None) -> Paths:
    """The folders, with defaults filled in, by names that hold wherever the search is resumed."""
    if artifacts is not None and "://" not in artifacts:
        artifacts = str(user_path(artifacts).resolve())
    return Paths(
        cache=cache_root(flags.cache).resolve(),
        checkpoints=(flags.checkpoints or default_checkpoint_root()).resolve(),
        artifacts=artifacts,
    )
