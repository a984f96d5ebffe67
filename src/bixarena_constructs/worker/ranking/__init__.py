"""Rank models by votes: Bradley-Terry scores on the Elo scale, with honest uncertainty.

Count votes with `VoteCounts`, then `rank` them. numpy is the only dependency, and nothing here
reads a database, a file, the environment or a clock.
"""

from __future__ import annotations

from bixarena_constructs.worker.ranking.errors import (
    BadCellsError,
    NoFiniteEstimateError,
    NotConvergedError,
    RankingError,
    TooFewModelsError,
    VotersMissingError,
)
from bixarena_constructs.worker.ranking.options import (
    DEFAULT_OPTIONS,
    IntervalMethod,
    RankingOptions,
)
from bixarena_constructs.worker.ranking.ranking import rank
from bixarena_constructs.worker.ranking.replicates import Progress
from bixarena_constructs.worker.ranking.result import (
    RankedModel,
    Ranking,
    UnlistedModel,
)
from bixarena_constructs.worker.ranking.votes import (
    OUTCOMES,
    Cell,
    VoteCounts,
    VoterCell,
    VoterCounts,
)

__all__ = [
    "DEFAULT_OPTIONS",
    "OUTCOMES",
    "BadCellsError",
    "Cell",
    "IntervalMethod",
    "NoFiniteEstimateError",
    "NotConvergedError",
    "Progress",
    "RankedModel",
    "Ranking",
    "RankingError",
    "RankingOptions",
    "TooFewModelsError",
    "UnlistedModel",
    "VoteCounts",
    "VoterCell",
    "VoterCounts",
    "VotersMissingError",
    "rank",
]
