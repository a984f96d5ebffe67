"""The command ``bixarena alert test``."""
