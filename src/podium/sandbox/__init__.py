"""How one untrusted command runs: one contract, several backends.

`create` makes the backend that a setting names; everything else that a caller needs is in `contract` and `config` and
is exported here.
"""

from podium.sandbox.config import SandboxConfig
from podium.sandbox.contract import (
    GIB,
    KIB,
    MIB,
    Cause,
    Check,
    ImageError,
    ImageInfo,
    Limits,
    Mount,
    OutputCallback,
    Result,
    Sandbox,
    SandboxError,
    Spec,
    Stream,
)
from podium.sandbox.factory import create
from podium.sandbox.make_environment import make_default_environment

__all__ = [
    "GIB",
    "KIB",
    "MIB",
    "Cause",
    "Check",
    "ImageError",
    "ImageInfo",
    "Limits",
    "Mount",
    "OutputCallback",
    "Result",
    "Sandbox",
    "SandboxConfig",
    "SandboxError",
    "Spec",
    "Stream",
    "create",
    "make_default_environment",
]
