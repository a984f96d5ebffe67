"""Resource types of a network that ministack's CloudFormation lacks."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from ministack.services import ec2
from ministack.services.cloudformation import provisioners

if TYPE_CHECKING:
    from local_aws.cloudformation import Created, Properties

__all__ = ["apply"]


def apply() -> None:
    """Add the resource types below in this process."""
    provisioners._RESOURCE_HANDLERS.update(
        {
            "AWS::EC2::EIP": {"create": _create_address, "delete": _forget},
            "AWS::EC2::FlowLog": {"create": _create_flow_log, "delete": _forget},
            "AWS::EC2::NatGateway": {"create": _create_nat_gateway, "delete": _forget},
            "AWS::EC2::SecurityGroupIngress": {"create": _create_ingress, "delete": _forget},
        }
    )


def _create_address(_logical_id: str, _properties: Properties, _stack_name: str) -> Created:
    answer = ec2._allocate_address({"Domain": ["vpc"]})
    return _text(answer, "publicIp"), {"AllocationId": _text(answer, "allocationId")}


def _create_flow_log(_logical_id: str, properties: Properties, _stack_name: str) -> Created:
    # Nothing is sent over the network, so nothing is rejected: it is known by its name alone.
    name = f"fl-{properties['ResourceId']}"
    return name, {"Id": name}


def _create_nat_gateway(_logical_id: str, properties: Properties, _stack_name: str) -> Created:
    answer = ec2._create_nat_gateway(
        {name: [properties[name]] for name in ("SubnetId", "AllocationId")}
    )
    name = _text(answer, "natGatewayId")
    return name, {"NatGatewayId": name}


def _create_ingress(logical_id: str, properties: Properties, _stack_name: str) -> Created:
    group = ec2._security_groups[properties["GroupId"]]
    group["IpPermissions"] += provisioners._ec2_sg_permissions([properties])
    return logical_id, {}


def _forget(_physical_id: str, _properties: Properties) -> None:
    """Leave it in the store; what it belonged to is deleted."""


# `Any`: ministack has no types; an answer is a status, headers and a body in XML.
def _text(answer: Any, element: str) -> str:
    _, _, body = answer
    found = re.search(rf"<{element}>(.*?)</{element}>", body.decode())
    if found is None:
        raise ValueError(f"the answer has no {element}: {body.decode()}")
    return found[1]
