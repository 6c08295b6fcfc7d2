"""What each verb of the trainer does: one file each; ``trainer.cli`` parses and calls."""
