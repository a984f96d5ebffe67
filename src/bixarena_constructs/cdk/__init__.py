"""The construct: all that needs the CDK."""
