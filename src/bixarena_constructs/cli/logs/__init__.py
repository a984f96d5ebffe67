"""``bixarena logs``: read the worker's log."""
