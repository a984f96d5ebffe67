"""What `run`, `logs`, `status` and `doctor` read of a deployed task."""
