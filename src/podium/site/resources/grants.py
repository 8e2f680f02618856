"""Short-lived addresses of files, minted after a policy check; never permanent links.

A grant is a signed token that says which key, which method, until when. It carries all that the byte plane
(`podium.site.bytes_plane`) needs, so serving a file asks no database.
"""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Literal

from django.conf import settings
from django.core import signing

from podium.site.resources.models import StoredFile

_SALT = "podium.files"
FIVE_DAYS = 5 * 24 * 3600
HOUR = 3600


class InvalidGrant(Exception):
    """The token is forged, garbled or out of date."""


@dataclass(frozen=True)
class Grant:
    """What a token allows.

    method: GET or PUT, or PART for the parts of an upload. key: which file, or which upload. name: what a download is
    called. max_bytes: the most that a PUT may bring; of an upload in parts its size, `part_size` that of a part.
    content_type: sent with a download; HTML is served for an opaque origin only.
    """

    method: Literal["GET", "PUT", "PART"]
    key: str
    name: str = ""
    max_bytes: int = 0
    content_type: str = "application/octet-stream"
    part_size: int = 0


def _mint(grant: Grant, until: int) -> str:
    payload = [grant.method, grant.key, grant.name, grant.max_bytes, grant.content_type, until]
    if grant.part_size:
        payload.append(grant.part_size)
    return signing.Signer(salt=_SALT).sign_object(payload, compress=True)


def read(token: str) -> Grant:
    """Check a token. Raises InvalidGrant."""
    try:
        method, key, name, max_bytes, content_type, until, *more = signing.Signer(salt=_SALT).unsign_object(token)
    except (signing.BadSignature, ValueError) as error:
        raise InvalidGrant("This link is not valid.") from error
    if time.time() > until:
        raise InvalidGrant("This link has expired. Go back to the page and take a fresh one.")
    part_size = more[0] if more else 0
    return Grant(method=method, key=key, name=name, max_bytes=max_bytes, content_type=content_type, part_size=part_size)


def _url(grant: Grant, seconds: float, absolute: bool, *, steady: bool = False) -> str:
    now = time.time()
    half = seconds / 2
    path = f"/files/{_mint(grant, int((now // half + 2) * half if steady else now + seconds))}"
    return absolute_url(path) if absolute else path


def absolute_url(path: str) -> str:
    """An address on this site with the public address in front."""
    return settings.CONFIG.public_url.rstrip("/") + path


def download_url(
    file: StoredFile,
    *,
    name: str,
    seconds: float = HOUR,
    content_type: str = "application/octet-stream",
    absolute: bool = False,
    steady: bool = False,
) -> str:
    """An address that serves `file` under `name` for `seconds`. Call it only after asking a policy.

    absolute: with the public address in front, as API clients expect; else a path. steady: the same address whenever it
    is asked for within half of that time, and good for the other half at least, so that answers and caches keep it.
    """
    grant = Grant(method="GET", key=file.key, name=name, content_type=content_type)
    return _url(grant, seconds, absolute, steady=steady)


def incoming_url(key: str, *, name: str, content_type: str, seconds: float = HOUR, absolute: bool = False) -> str:
    """An address that serves what has arrived under an incoming key. Call it only after asking a policy."""
    return _url(Grant(method="GET", key=key, name=name, content_type=content_type), seconds, absolute)


def upload_url(key: str, *, max_bytes: int, seconds: float = FIVE_DAYS, absolute: bool = False) -> str:
    """An address that takes one file by PUT under an incoming key, for five days (Codabench's term) by default.

    max_bytes: a longer body is refused.
    """
    return _url(Grant(method="PUT", key=key, max_bytes=max_bytes), seconds, absolute)


def parts_url(upload: str, *, size: int, part_size: int, seconds: float) -> str:
    """An address that takes the parts of an upload by PUT once `{part}` in it is replaced by a part's number."""
    grant = Grant(method="PART", key=upload, max_bytes=size, part_size=part_size)
    return _url(grant, seconds, absolute=True) + "/{part}"
