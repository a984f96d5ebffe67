"""What can go wrong in the worker: one root, and a class for each cause a caller can act on."""

from __future__ import annotations


class WorkerError(Exception):
    """A failure that the worker foresaw and can explain."""


class SettingsError(WorkerError):
    """The environment names something that the worker cannot run with."""


class VotesError(WorkerError):
    """The votes cannot be ranked as they are."""


class DatabaseError(WorkerError):
    """PostgreSQL could not be reached, or refused what the worker asked of it."""
