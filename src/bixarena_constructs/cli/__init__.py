"""The command line `bixarena`."""
