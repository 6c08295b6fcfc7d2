"""The flags of the command line that more than one verb takes, or that need a word of help."""

from pathlib import Path
from typing import Annotated, Any

import typer

from search.objectives import OBJECTIVES
from trainer.config.paths import user_path
from trainer.methods import METHODS

__all__ = [
    "ArtifactsOption",
    "BackboneOption",
    "BackboneWeightsOption",
    "CacheOption",
    "CheckpointsOption",
    "ConfigOption",
    "DataOption",
    "DeepOption",
    "DepotOption",
    "DetachOption",
    "DeviceOption",
    "DriverPasswordOption",
    "DriverRoleOption",
    "DryRunOption",
    "FileToReadArgument",
    "FileToWriteArgument",
    "FixOption",
    "IterationsOption",
    "JsonOption",
    "MethodOption",
    "ModalitiesOption",
    "NameArgument",
    "ObjectiveOption",
    "OversubscribeOption",
    "PasswordOption",
    "PatienceOption",
    "PlainOption",
    "PresetOption",
    "PrintOption",
    "PrunerOption",
    "RangeOption",
    "RayOption",
    "ReadOnlyOption",
    "SamplerOption",
    "SeedOption",
    "SpaceOption",
    "StallOption",
    "StandbyOption",
    "StorageOption",
    "StudyOption",
    "TrialsOption",
    "ViewerPasswordOption",
    "ViewerRoleOption",
    "WaitOption",
    "WorkersOption",
]


def _path(help_: str, metavar: str = "FOLDER") -> Any:
    """A flag that takes a path; ``~`` is expanded, as no shell does after ``=``."""
    return typer.Option(help=help_, parser=user_path, metavar=metavar)


FileToReadArgument = Annotated[
    Path, typer.Argument(help="File that export-study wrote.", parser=user_path, metavar="FILE")
]
FileToWriteArgument = Annotated[
    Path,
    typer.Argument(help="File to write; it must not be there.", parser=user_path, metavar="FILE"),
]
NameArgument = Annotated[str | None, typer.Argument(help="Study; default the last one.")]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON for a script.")]

# What is searched

PresetOption = Annotated[
    str | None,
    typer.Option(help="Settings to start from; default rooms, or own for data of your own."),
]
ConfigOption = Annotated[Path | None, _path("TOML file laid over the preset.", "FILE")]
StudyOption = Annotated[
    str | None, typer.Option(help="Name; default PRESET-N, for data of your own FILE-N.")
]
TrialsOption = Annotated[int | None, typer.Option(help="Trials to finish.")]
SeedOption = Annotated[int | None, typer.Option(help="Seed of the study.")]
MethodOption = Annotated[str | None, typer.Option(help=f"One of {', '.join(METHODS)}.")]
ModalitiesOption = Annotated[
    str | None, typer.Option(help="Modalities, comma-separated, the anchor first.")
]
BackboneOption = Annotated[str | None, typer.Option(help="patch-stats or a timm ViT.")]
SpaceOption = Annotated[str | None, typer.Option(help="Search space: paper or per-modality.")]
FixOption = Annotated[
    list[str] | None,
    typer.Option(metavar="NAME=VALUE", help="Give this a value instead of searching it."),
]
RangeOption = Annotated[
    list[str] | None,
    typer.Option("--range", metavar="NAME=LOW:HIGH", help="Search this in this range."),
]
ObjectiveOption = Annotated[
    str | None, typer.Option(help=f"What to maximise: {', '.join(OBJECTIVES)}.")
]
SamplerOption = Annotated[str | None, typer.Option(help="Sampler.")]
PrunerOption = Annotated[str | None, typer.Option(help="Competitive pruner.")]
IterationsOption = Annotated[int | None, typer.Option(help="Iterations of a run.")]
DeepOption = Annotated[
    bool, typer.Option("--deep", help="Start Ray, and an embedded server, to see them run.")
]
DetachOption = Annotated[
    bool,
    typer.Option(
        "--detach", help="Leave the search running on the Ray cluster; `attach` shows it."
    ),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Tell what would be done, and do not do it.")
]

# Where things are, and what may be used

DataOption = Annotated[Path | None, _path("Folder of the data set.")]
BackboneWeightsOption = Annotated[str | None, typer.Option(help="hub, FILE or random.")]
StorageOption = Annotated[
    str | None,
    typer.Option(help="embedded[:FOLDER], or postgresql://USER@HOST/NAME without a password."),
]
PasswordOption = Annotated[
    Path | None, _path("File whose first line is the database password.", "FILE")
]
WorkersOption = Annotated[
    int | None, typer.Option(help="Workers; default one a free GPU, or a free core without GPUs.")
]
DeviceOption = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
StandbyOption = Annotated[
    bool,
    typer.Option(
        "--standby", help="Wait for a study that is driven elsewhere; go on when that is gone."
    ),
]
WaitOption = Annotated[
    bool, typer.Option("--wait", help="Wait for cores that other searches hold.")
]
OversubscribeOption = Annotated[
    bool, typer.Option("--oversubscribe", help="Share cores that other searches hold.")
]
CacheOption = Annotated[Path | None, _path("Folder of the feature cache.")]
CheckpointsOption = Annotated[Path | None, _path("Folder of the checkpoints.")]
DepotOption = Annotated[
    str | None,
    typer.Option(
        "--artifacts",
        metavar="DIR|s3://BUCKET/PREFIX",
        help="Keep checkpoints here, too, so that any node can go on with a trial.",
    ),
]
RayOption = Annotated[str | None, typer.Option(help="Ray cluster to join; default our own.")]
PlainOption = Annotated[bool | None, typer.Option("--plain/--live", help="Lines or a live view.")]
PatienceOption = Annotated[
    float, typer.Option(help="Seconds to wait for the database, or Ray's head, to come back.")
]
StallOption = Annotated[
    float,
    typer.Option(metavar="SECONDS", help="Take a worker back that shows no progress for so long."),
]

# The dashboard, and who may do what in the database

ReadOnlyOption = Annotated[
    bool, typer.Option("--read-only", help="Change nothing, whatever the role may do.")
]
ArtifactsOption = Annotated[Path | None, _path("Folder of the artifacts.")]
DriverRoleOption = Annotated[
    str | None, typer.Option(metavar="NAME", help="Role that reads, adds and changes rows.")
]
ViewerRoleOption = Annotated[str | None, typer.Option(metavar="NAME", help="Role that reads.")]
DriverPasswordOption = Annotated[
    Path | None, _path("File whose first line is the password of the driver's role.", "FILE")
]
ViewerPasswordOption = Annotated[
    Path | None, _path("File whose first line is the password of the viewer's role.", "FILE")
]
PrintOption = Annotated[
    bool, typer.Option("--print", help="Print the SQL instead, with verifiers of the passwords.")
]
