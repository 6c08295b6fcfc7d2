"""This machine: devices, reservations of cores and GPUs, run options, versions of packages."""
