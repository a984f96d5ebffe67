"""What the ``metric_*`` methods take: ``aws_cloudwatch.MetricOptions``, by keyword."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypedDict

from aws_cdk import Duration
from aws_cdk import aws_cloudwatch as cloudwatch

__all__ = ["MetricOptions"]


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
