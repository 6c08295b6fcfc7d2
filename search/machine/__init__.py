"""This machine: its devices, reservations of cores and GPUs, run options, package versions."""
