"""A deployed task as the command line sees it: found by its stack's outputs, run, watched."""
