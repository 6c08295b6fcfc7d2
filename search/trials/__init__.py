"""The life of a trial: live, queued, standing still, tried again, ended."""
