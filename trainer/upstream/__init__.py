"""Import and export for the UniM2 authors' published code: its configurations and checkpoints.

``keys`` lists their names; ``reading`` and ``writing`` convert their settings to ours and back;
``lightning`` reads a checkpoint without running any pickled code, ``parameters`` finds our
parameters in it, and ``imported`` combines both into one of our checkpoints.
Their code: Hatins/UniM2 at 08fa082.
"""

from trainer.upstream.imported import Imported, import_checkpoint
from trainer.upstream.reading import Translation, read_settings
from trainer.upstream.writing import write_settings
from trainer.upstream.yaml_files import read_yaml, yaml_text

__all__ = [
    "Imported",
    "Translation",
    "import_checkpoint",
    "read_settings",
    "read_yaml",
    "write_settings",
    "yaml_text",
]
