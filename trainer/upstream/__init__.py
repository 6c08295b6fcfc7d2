"""What the authors of UniM2 released: their configuration files and their checkpoints.

``keys`` has the names they use; ``reading`` and ``writing`` turn their settings into ours and
back; ``lightning`` reads a checkpoint without running what is pickled in it, ``parameters``
finds our parameters in it, and ``imported`` makes a checkpoint of ours of the two.
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
