"""What tests of the construct share."""

# jsii returns a type only once the module that defines it was imported. Annotations are of this
# one, which nothing else imports: without it a test would depend on which ran before it.
import aws_cdk.cloud_assembly_schema  # noqa: F401
