"""What AWS says when it stops a run, what that means, and how to fix it."""

from __future__ import annotations

from typing import Final

__all__ = ["STOPS"]

_PULL: Final = "CannotPull(Container|ECRContainer|ImageManifest)Error"
_SECRETS: Final = (
    "(ResourceInitializationError: (?=unable to pull secrets or registry auth|invalid ssm|the task"
    " can't retrieve the secret)|Fetching secret data from)"
)
_LOG: Final = "failed to (validate logger args|initialize logging driver)"
_EFS: Final = "failed to invoke EFS utils commands"
_START: Final = "(Cannot(Start|Create)ContainerError|(failed|unable) to create new container)"
_UNREACHED: Final = (
    "dial tcp|i/o timeout|no such host|connection (refused|reset|issue)|TLS handshake timeout"
    "|request canceled while waiting|exceeded while awaiting headers|context canceled"
    "|context deadli|send request failed|check your (task )?network configuration"
)
_OPEN_THE_WAY: Final = "give them a NAT gateway, or public subnets a public address"

# The head of a reason, a phrase that follows it, what happened, as a clause, and how to fix it.
# The first row that matches wins, so particular ones come before general ones. Each name is
# replaced by NAME, ECR-NAME, ECR-BUCKET or GUARDDUTY-IMAGE before.
STOPS: Final = (
    (
        _PULL,
        "GUARDDUTY-IMAGE",
        "GuardDuty's sidecar could not be pulled, which does not stop the worker",
        "let the execution role pull it, guardduty_agent_pull=AGENT_REPOSITORY, over ECR and S3",
    ),
    (
        f"({_PULL}|{_START})",
        "no space left on device",
        "the image does not fit on the task's disk",
        "raise ephemeral_storage_gib",
    ),
    (
        _PULL,
        r"429 Too Many Requests|toomanyrequests: |your pull rate limit|Rate exceeded",
        "the registry limits how often images are pulled",
        "run it again later; a login raises the limit of Docker Hub",
    ),
    (
        _PULL,
        r"50\d (Internal Server Error|Bad Gateway|Service Unavailable|Gateway Time-?out)",
        "the registry was overloaded or out of order",
        "run it again later",
    ),
    (
        _PULL,
        f"ECR-NAME.*({_UNREACHED})|the task and Amazon ECR|check your network configuration",
        "the task's subnets could not reach Amazon ECR, or S3, which has the layers",
        f"{_OPEN_THE_WAY}, or the VPC the endpoints ecr.api, ecr.dkr and S3",
    ),
    (
        _PULL,
        _UNREACHED,
        "the task's subnets could not reach the registry",
        f"{_OPEN_THE_WAY}; check the security group's egress to port 443",
    ),
    (
        _PULL,
        "x509: |failed to verify certificate",
        "Fargate does not trust the certificate of the registry, or of a proxy in between",
        "let the registry have a certificate of a public authority, and no proxy replace it",
    ),
    (
        _PULL,
        "unexpected media type",
        "something else came in place of the image, such as a proxy's web page",
        "check what is between the task's subnets and the registry",
    ),
    (
        _PULL,
        "ECR-BUCKET.*403 Forbidden|error parsing HTTP 403 response body: invalid character",
        "the VPC's endpoint of S3 refuses the image's layers",
        "allow s3:GetObject on the registry's bucket in the endpoint's policy",
    ),
    (
        "",
        (
            "exec format error|descriptor matching platform|match the specified platform"
            "|no matching manifest for|no match for (current )?platform"
        ),
        "the image is not built for the task's processor",
        "build it for both processors, or set runtime_platform to that of the image",
    ),
    (
        _PULL,
        "no processor for media-type",
        "the image has a layer that Fargate cannot unpack, such as an attestation",
        "build it without: docker buildx build --provenance=false --sbom=false",
    ),
    (
        _PULL,
        (
            "ECR-NAME.*(anonymous token|403 Forbidden|no basic auth credentials"
            "|authentication required)"
            "|pull access denied for ECR-NAME|not authorized to perform: ecr|permissions to pull"
        ),
        "Amazon ECR refuses the execution role",
        "grant it the pull; for an image of another account, in the repository's policy too",
    ),
    (
        _PULL,
        "anonymous token.*(401|403) |authentication (is )?required|: unauthorized(;|$)",
        "the image is private and the task has no credentials for it",
        "give registry_credentials a secret with username and password",
    ),
    (
        _PULL,
        (
            "pull access denied|insufficient.scope: |does not exist or no pull access"
            "|unauthorized: (access to|unauthorized to access)"
        ),
        "the registry has no such image, or it is private and the task may not pull it",
        "check the image's name, and registry_credentials",
    ),
    (
        _PULL,
        "(not found|manifest unknown)(:|;|$)|tag .* not found in repository|404 Not Found",
        "the registry has no such image or tag",
        "check the image's name and tag, and push it",
    ),
    (
        _PULL,
        r"401 Unauthorized|403 Forbidden|(?<!\S)denied: |incorrect username|be authenticated",
        (
            "the registry refuses the credentials, or got none: they are wrong or have expired, "
            "or the token lacks read:packages, is fine-grained, or is not authorised for the "
            "organisation's single sign-on"
        ),
        "put a new classic token into the credentials secret, and try it with `bixarena doctor`",
    ),
    (
        _SECRETS,
        "Access to KMS is not|to perform: kms:Decrypt|ciphertext refers to a customer master",
        "the execution role may not decrypt a secret or parameter of the task",
        "grant it kms:Decrypt on the key",
    ),
    (
        _SECRETS,
        "can't decrypt the protected|DecryptionFailure|KMSInvalidState|DisabledException",
        "the key of a secret is disabled or deleted",
        "enable the key again, or encrypt the secret with another",
    ),
    (
        _SECRETS,
        "not authorized to perform: ecr:",
        "the execution role may not log in to Amazon ECR",
        "grant it ecr:GetAuthorizationToken",
    ),
    (
        _SECRETS,
        "AccessDenied(Exception)?: |not authorized to perform: ",
        "the execution role may not read a secret or parameter of the task",
        "grant it secretsmanager:GetSecretValue on the secret, or ssm:GetParameters",
    ),
    (
        _SECRETS,
        "(marked|scheduled) for deletion",
        "a secret of the task was deleted and waits for its removal",
        "restore it, aws secretsmanager restore-secret, or give the task another",
    ),
    (
        _SECRETS,
        (
            "invalid character .* (looking for|after)|unexpected end of JSON|cannot unmarshal"
            "|unable to unmarshal|invalid schema|empty secrets value"
        ),
        "a secret of the task is not a JSON object",
        "store it as one, with the fields that the task takes; `bixarena doctor` names it",
    ),
    (
        _SECRETS,
        "not contain json key|AuthorizationData is malformed, empty field",
        "a secret of the task lacks a field",
        "add it to the secret, or correct the secrets; `bixarena doctor` names it",
    ),
    (
        _SECRETS,
        (
            "ResourceNotFoundException: |can't (find|retrieve) the (specified )?secret"
            "|invalid (ssm )?parameters: |ParameterNotFound|unexpected ARN format"
        ),
        "a secret or parameter of the task does not exist in this account and region",
        "check its complete ARN, and that it has a value; `bixarena doctor` names it",
    ),
    (
        _SECRETS,
        "ThrottlingException|InternalServiceError|InternalServerError",
        "AWS was busy, or limits how often secrets are read",
        "run it again later",
    ),
    *(
        (
            _SECRETS,
            f"({kind}).*({_UNREACHED})",
            f"the task's subnets could not reach {service}",
            f"{_OPEN_THE_WAY}, or the VPC the endpoint {endpoint}; check the security groups",
        )
        for kind, service, endpoint in (
            ("ecr registry auth|Amazon ECR", "Amazon ECR", "ecr.api"),
            ("from ssm|Systems Manager", "Systems Manager", "ssm"),
            ("", "Secrets Manager", "secretsmanager"),
        )
    ),
    (
        _SECRETS,
        "",
        "a secret or the login to the registry could not be read",
        "see with `bixarena doctor` whether the secret, the role or the network is at fault",
    ),
    (
        _LOG,
        f"signal: killed|{_UNREACHED}",
        "the task's subnets could not reach CloudWatch Logs",
        f"{_OPEN_THE_WAY}, or the VPC the endpoint logs",
    ),
    (
        _LOG,
        "AccessDenied(Exception)?: |not authorized to perform: ",
        "the execution role may not write to the log group",
        "grant it logs:CreateLogStream and logs:PutLogEvents; deploy the stack again",
    ),
    (
        _LOG,
        "log group does not exist|cannot find the Amazon CloudWatch log group",
        "the log group does not exist",
        "deploy the stack again",
    ),
    (_LOG, "ThrottlingException", "AWS limits how often logs are opened", "run it again later"),
    (_LOG, "", "the task could not open its log", "check the task definition's log options"),
    (
        _EFS,
        "access denied by server",
        "the file system refuses the task's role",
        "grant the role elasticfilesystem:ClientMount, and allow it in the file system's policy",
    ),
    (
        _EFS,
        "No such file or directory",
        "the file system has no such directory",
        "create the volume's root directory, or use an access point that does",
    ),
    (
        _EFS,
        "",
        "the task could not mount a file system",
        "check its mount targets, the VPC's DNS, and port 2049 in its security group",
    ),
    (
        _START,
        "",
        "the container could not be started",
        "check the image's entry point, and the task definition's command and volumes",
    ),
    (
        "(ContainerRuntime|Docker)TimeoutError",
        "",
        "the container did not start in time",
        "run it again later",
    ),
    (
        "OutOfMemoryError",
        "",
        "the worker used more memory than the task has",
        "raise memory_limit_mib",
    ),
    (
        "",
        "was unable to assume the role",
        "ECS could not assume a role of the task",
        "let ecs-tasks.amazonaws.com assume it; a new role takes a moment, so run it again",
    ),
    (
        "",
        "Capacity is unavailable|RESOURCE:",
        "AWS had no room for the task in these zones",
        "run it again later",
    ),
    (
        "",
        "network interface provisioning|attempting to Create Network Interface",
        "the task got no network interface",
        "check that its subnets have free addresses, and run it again later",
    ),
    (
        "Timeout waiting for EphemeralStorage",
        "",
        "the task got no disk in time",
        "run it again later",
    ),
    (
        "",
        "Spot Task was interrupted|maintenance on the underlying infrastructure",
        "AWS took the machine back",
        "run it again",
    ),
    (
        "",
        "failed container health checks",
        "a container's health check failed",
        "correct the task definition's health check",
    ),
    (
        "",
        "Scaling activity initiated by|failed ELB health checks",
        "an ECS service stopped the task",
        "start it from its schedule, not by a service",
    ),
    (
        "Task stopped by user",
        "",
        "a person or a program stopped the task",
        "find out who, and run it again",
    ),
)
