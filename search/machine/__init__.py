"""This machine: devices, reservations of cores and GPUs, versions of packages."""
