"""``python -m trainer``."""

from trainer.commands.app import main

if __name__ == "__main__":
    main()
