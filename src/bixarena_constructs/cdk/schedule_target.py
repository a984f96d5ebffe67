"""What a schedule of EventBridge Scheduler needs to start the task: role, subnets and input."""

from __future__ import annotations

from typing import TYPE_CHECKING

from aws_cdk import aws_ec2 as ec2
from aws_cdk import aws_iam as iam
from aws_cdk import aws_scheduler as scheduler

from bixarena_constructs.cdk.permissions import scheduler_principal
from bixarena_constructs.worker.contract import Variable

if TYPE_CHECKING:
    from aws_cdk import aws_sqs as sqs
    from constructs import Construct

    from bixarena_constructs.cdk.task.network import TaskNetwork

__all__ = ["define_schedule_role", "scheduled_time_input", "selection_with_address"]


def define_schedule_role(scope: Construct, *, dead_letter_queue: sqs.IQueue) -> iam.Role:
    """Return the role that schedules start the task with, defined at the first call.

    The CDK's own role is shared by all targets of a cluster, so that each schedule may start
    every other task of it.

    Args:
        scope: The construct that the role is defined in.
        dead_letter_queue: Queue of the schedules; the role may use its key, if it has one.
    """
    found = scope.node.try_find_child("ScheduleRole")
    role = (
        found
        if isinstance(found, iam.Role)
        else iam.Role(scope, "ScheduleRole", assumed_by=scheduler_principal(scope))
    )
    if dead_letter_queue.encryption_master_key is not None:
        dead_letter_queue.encryption_master_key.grant_encrypt_decrypt(role)
    return role


def scheduled_time_input(container_name: str) -> scheduler.ScheduleTargetInput:
    """Return the input that hands the scheduled time to a container as `SCHEDULED_AT`.

    Args:
        container_name: The container.
    """
    scheduled_at = {
        "name": Variable.SCHEDULED_AT,
        "value": scheduler.ContextAttribute.scheduled_time,
    }
    return scheduler.ScheduleTargetInput.from_object(
        {"containerOverrides": [{"name": container_name, "environment": [scheduled_at]}]}
    )


def selection_with_address(vpc: ec2.IVpc, network: TaskNetwork) -> ec2.SubnetSelection:
    """Return the subnets of a task as ``EcsRunFargateTask`` must be given them.

    It gives a public address only in subnets that were selected by the type PUBLIC.

    Args:
        vpc: VPC of the cluster.
        network: The subnets of the task.

    Raises:
        ValueError: The task gets a public address in subnets that the VPC does not know.
    """
    if not network.assign_public_ip or network.selection.subnet_type is ec2.SubnetType.PUBLIC:
        return network.selection
    selection = ec2.SubnetSelection(
        subnet_type=ec2.SubnetType.PUBLIC,
        subnet_filters=[ec2.SubnetFilter.by_ids(list(network.subnet_ids))],
    )
    known = vpc.select_subnets(
        subnet_type=selection.subnet_type, subnet_filters=selection.subnet_filters
    )
    if not known.is_pending_lookup and set(known.subnet_ids) != set(network.subnet_ids):
        raise ValueError(
            "subnet_selection has subnets that are not among the public ones of the cluster's "
            "VPC, where a schedule cannot assign a public address; select subnets of that VPC"
        )
    return selection
