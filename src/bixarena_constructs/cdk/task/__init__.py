"""What runs: the parts of a task definition and its network."""
