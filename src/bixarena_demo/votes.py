"""Simulated votes with a known truth: what the demo shows and the tests check against.

Every kind of battle that the worker must leave out is among them: without a vote, without a
validation, not biomedical, an overruled categorization, an abstained one.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING
from uuid import UUID

import numpy as np

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    import psycopg
    from numpy.typing import NDArray

__all__ = ["SimulatedModel", "Simulation", "fill", "simulate"]

_CATEGORIES = (
    "biochemistry",
    "bioinformatics",
    "cancer-biology",
    "cell-biology",
    "clinical-trials",
    "developmental-biology",
    "drug-discovery",
    "ecology",
    "epidemiology",
    "evolutionary-biology",
    "genetics",
    "genomics",
    "immunology",
    "microbiology",
    "molecular-biology",
    "neuroscience",
    "pathology",
    "pharmacology",
    "physiology",
    "synthetic-biology",
)
_OUTCOMES = ("model1", "model2", "tie")
_TABLES = {
    "model": ("id", "slug", "name", "license", "active", "organization"),
    "leaderboard": ("id", "slug", "name"),
    "battle": ("id", "user_id", "model1_id", "model2_id"),
    "battle_evaluation": ("battle_id", "outcome"),
    "battle_validation": ("id", "battle_id", "method", "confidence", "is_biomedical"),
    "battle_categorization": ("id", "battle_id", "method", "status"),
    "battle_categorization_category": ("categorization_id", "category"),
}
_LINK = """
UPDATE api.battle
SET effective_validation_id = link.validation_id,
    effective_categorization_id = link.categorization_id
FROM link
WHERE battle.id = link.battle_id
"""


@dataclass(frozen=True, kw_only=True)
class SimulatedModel:
    """A model whose strength is known.

    Attributes:
        id: Its key in the database.
        slug: Its name there.
        strength: On the Elo scale; the mean of all models of a simulation is 1000.
        active: Whether it still takes part; a retired model keeps its place.
    """

    id: UUID
    slug: str
    strength: float
    active: bool


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """Rows for BixArena's tables, and the truth that they were drawn from.

    Attributes:
        models: With their true strengths.
        categories: Slugs of the category leaderboards; the last ones have few votes.
        rows: Table name to rows, in the order of ``_TABLES``' columns.
        links: Battle, its effective validation, its effective categorization.
    """

    models: tuple[SimulatedModel, ...]
    categories: tuple[str, ...]
    rows: dict[str, list[tuple[object, ...]]] = field(repr=False)
    links: list[tuple[UUID, UUID | None, UUID | None]] = field(repr=False)


@dataclass(kw_only=True)
class _Draw:
    """The random state of one simulation: the same seed gives the same rows, keys included."""

    rng: np.random.Generator
    rows: dict[str, list[tuple[object, ...]]] = field(
        default_factory=lambda: {table: [] for table in _TABLES}
    )
    links: list[tuple[UUID, UUID | None, UUID | None]] = field(default_factory=list)

    def key(self) -> UUID:
        return UUID(bytes=self.rng.bytes(16), version=4)

    def chance(self, probability: float) -> bool:
        return bool(self.rng.random() < probability)


def simulate(
    *, seed: int, models: int = 12, battles: int = 4000, users: int = 60, tie_rate: float = 0.15
) -> Simulation:
    """Draw models, users and battles, and the verdicts on each battle.

    Args:
        seed: The same seed and counts give the same rows, keys included.
        models: How many models; the last one is retired, the one before it a newcomer with too
            few votes to be listed.
        battles: How many battles; about four in five count.
        users: How many people vote.
        tie_rate: Share of ties between two models of equal strength; unequal ones tie less.
    """
    draw = _Draw(rng=np.random.default_rng(seed))
    field_of_models = tuple(_models(draw, models))
    strengths = np.array([model.strength for model in field_of_models])
    voters = [draw.key() for _ in range(users)]
    popularity = np.ones(models)
    popularity[-2] = 0.01
    popularity /= popularity.sum()
    for slug in ("overall", *_CATEGORIES):
        draw.rows["leaderboard"].append((draw.key(), slug, slug.replace("-", " ").capitalize()))
    for _ in range(battles):
        first, second = draw.rng.choice(models, size=2, replace=False, p=popularity)
        battle = draw.key()
        voter = voters[draw.rng.integers(users)]
        pair = (field_of_models[first].id, field_of_models[second].id)
        draw.rows["battle"].append((battle, voter, *pair))
        _evaluate(draw, battle, advantage=strengths[first] - strengths[second], tie_rate=tie_rate)
        draw.links.append((battle, _validate(draw, battle), _categorize(draw, battle)))
    return Simulation(
        models=field_of_models, categories=_CATEGORIES, rows=draw.rows, links=draw.links
    )


def _models(draw: _Draw, count: int) -> Iterator[SimulatedModel]:
    strengths: NDArray[np.float64] = draw.rng.normal(0, 120, size=count)
    strengths += 1000 - strengths.mean()
    for number, strength in enumerate(strengths):
        model = SimulatedModel(
            id=draw.key(),
            slug=f"model-{chr(ord('a') + number % 26)}{number // 26 or ''}",
            strength=float(strength),
            active=number != count - 1,
        )
        licence = ("open-source", "commercial")[number % 2]
        draw.rows["model"].append(
            (model.id, model.slug, model.slug.title(), licence, model.active, "Simulated")
        )
        yield model


def _evaluate(draw: _Draw, battle: UUID, *, advantage: float, tie_rate: float) -> None:
    """Let the voter decide; one in twenty leaves without a vote.

    A win and half a tie together have the probability that Bradley and Terry give to a win, so
    that a fit which counts a tie as half a win estimates the true strengths.
    """
    if draw.chance(0.05):
        return
    score = 1 / (1 + 10 ** (-advantage / 400))
    tie = 2 * tie_rate * min(score, 1 - score)
    outcome = draw.rng.choice(_OUTCOMES, p=(score - tie / 2, 1 - score - tie / 2, tie))
    draw.rows["battle_evaluation"].append((battle, str(outcome)))


def _validate(draw: _Draw, battle: UUID) -> UUID | None:
    """Judge whether the battle is biomedical; a person overrules one judgement in ten."""
    if draw.chance(0.05):
        return None
    verdict = draw.chance(0.9)
    automatic = draw.key()
    draw.rows["battle_validation"].append((automatic, battle, "automatic", 0.9, verdict))
    if not draw.chance(0.1):
        return automatic
    manual = draw.key()
    draw.rows["battle_validation"].append((manual, battle, "manual", None, not verdict))
    return manual if draw.chance(0.5) else automatic


def _categorize(draw: _Draw, battle: UUID) -> UUID | None:
    """Put the battle into one to three categories; some are popular, some hardly used."""
    if draw.chance(0.08):
        return None
    popularity = 1 / np.arange(1, len(_CATEGORIES) + 1) ** 2
    status = "matched" if draw.chance(0.9) else str(draw.rng.choice(["abstained", "failed"]))
    key = draw.key()
    draw.rows["battle_categorization"].append((key, battle, "automatic", status))
    # An abstained categorization has guesses as well: they must not count.
    chosen = draw.rng.choice(
        len(_CATEGORIES),
        size=draw.rng.integers(1, 4),
        replace=False,
        p=popularity / popularity.sum(),
    )
    for index in sorted(chosen):
        draw.rows["battle_categorization_category"].append((key, _CATEGORIES[index]))
    return key


def fill(connection: psycopg.Connection, simulation: Simulation) -> None:
    """Write a simulation into empty tables, in one transaction."""
    with connection.transaction():
        for table, columns in _TABLES.items():
            _copy(connection, f"api.{table} ({', '.join(columns)})", simulation.rows[table])
        connection.execute(
            "CREATE TEMPORARY TABLE link"
            " (battle_id uuid, validation_id uuid, categorization_id uuid) ON COMMIT DROP"
        )
        _copy(connection, "link (battle_id, validation_id, categorization_id)", simulation.links)
        connection.execute(_LINK)
    connection.execute("ANALYZE")


def _copy(connection: psycopg.Connection, target: str, rows: Iterable[tuple[object, ...]]) -> None:
    statement = f"COPY {target} FROM STDIN".encode()
    with connection.cursor() as cursor, cursor.copy(statement) as copy:
        for row in rows:
            copy.write_row(row)
