"""What the ``metric_*`` methods take: ``aws_cloudwatch.MetricOptions``, by keyword."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypedDict

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

from bixarena_constructs.cdk.durations import seconds_of

__all__ = ["MetricOptions", "require_metric_options"]

_SHORT_PERIODS: Final = (1, 5, 10, 30)
_MOST_DIMENSIONS: Final = 30


class MetricOptions(TypedDict, total=False):
    """Options of a metric, each with the CDK's own name and default."""

    account: str | None
    color: str | None
    dimensions_map: Mapping[str, str] | None
    id: str | None
    label: str | None
    period: Duration | None
    region: str | None
    stack_account: str | None
    stack_region: str | None
    statistic: str | None
    unit: cloudwatch.Unit | None
    visible: bool | None


def require_metric_options(options: MetricOptions) -> None:
    """Check what CloudWatch has limits for.

    Args:
        options: The options, each of its own type.

    Raises:
        ValueError: CloudWatch would refuse one.
    """
    period = options.get("period")
    seconds = None if period is None else seconds_of(period)
    if period is not None and seconds is not None:
        is_whole_minutes = seconds > 0 and seconds % 60 == 0
        if seconds not in _SHORT_PERIODS and not is_whole_minutes:
            raise ValueError(
                f"period is {period.to_human_string()}; it must be 1, 5, 10 or 30 seconds, or a "
                "multiple of a minute"
            )
    dimensions = options.get("dimensions_map") or {}
    if len(dimensions) > _MOST_DIMENSIONS:
        raise ValueError(
            f"dimensions_map has {len(dimensions)} dimensions; it must be up to {_MOST_DIMENSIONS}"
        )
