"""The search: its space, sampler, pruners, driver, workers and command line."""
