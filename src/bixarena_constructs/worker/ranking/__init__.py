"""Rank models by votes: Bradley-Terry scores on the Elo scale, with honest uncertainty.

Count votes with `VoteCounts`, then `rank` them. numpy is the only dependency, and nothing here
reads a database, a file, the environment or a clock. The names below are imported when they are
first used: importing this package does not load numpy.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from bixarena_constructs.worker.ranking.errors import (
        BadCellsError,
        NoFiniteEstimateError,
        NotConvergedError,
        RankingError,
        TooFewModelsError,
        VotersMissingError,
    )
    from bixarena_constructs.worker.ranking.folding import OUTCOMES, VoterCounts
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
    from bixarena_constructs.worker.ranking.votes import Cell, VoteCounts, VoterCell

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

_HOME_OF = {
    "DEFAULT_OPTIONS": "options",
    "OUTCOMES": "folding",
    "BadCellsError": "errors",
    "Cell": "votes",
    "IntervalMethod": "options",
    "NoFiniteEstimateError": "errors",
    "NotConvergedError": "errors",
    "Progress": "replicates",
    "RankedModel": "result",
    "Ranking": "result",
    "RankingError": "errors",
    "RankingOptions": "options",
    "TooFewModelsError": "errors",
    "UnlistedModel": "result",
    "VoteCounts": "votes",
    "VoterCell": "votes",
    "VoterCounts": "folding",
    "VotersMissingError": "errors",
    "rank": "ranking",
}


def __getattr__(name: str) -> object:
    if name not in _HOME_OF:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        return getattr(import_module(f"{__name__}.{_HOME_OF[name]}"), name)
    except ModuleNotFoundError as error:
        error.add_note("the extra brings it: pip install 'bixarena-constructs[worker]'")
        raise


def __dir__() -> list[str]:
    return __all__
