"""``bixarena run``: start the task now and watch it."""
