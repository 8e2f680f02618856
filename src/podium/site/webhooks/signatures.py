"""Signatures of webhooks, as standardwebhooks.com describes them: receivers find a library in their language."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Sequence


def signed_headers(secrets: Sequence[str], *, key: str, body: bytes, now: int) -> dict[str, str]:
    """The headers that prove who sent a message and when.

    secrets: "whsec_" and base64; the message is signed with each. key: the message's id, the same at every attempt.
    now: seconds since 1970; receivers refuse what is old.
    """
    signed = f"{key}.{now}.".encode() + body
    marks = [
        base64.b64encode(
            hmac.new(base64.b64decode(secret.removeprefix("whsec_")), signed, hashlib.sha256).digest()
        ).decode()
        for secret in secrets
    ]
    return {
        "webhook-id": key,
        "webhook-timestamp": str(now),
        "webhook-signature": " ".join(f"v1,{mark}" for mark in marks),
    }
