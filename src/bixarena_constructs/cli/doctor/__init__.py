"""``bixarena doctor``: find what would make a run fail."""
