"""Formats of AWS and of registries, without the CDK and an SDK."""
