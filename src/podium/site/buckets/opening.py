"""From an address to its bucket."""

from __future__ import annotations

from podium.site.buckets.address import Address
from podium.site.buckets.store import Store


def opened(url: str) -> Store:
    """The bucket at an address; it is not asked for anything yet. Raises BadAddress."""
    from podium.site.buckets.s3 import S3  # noqa: PLC0415 - its library is loaded only where it is used

    return S3(Address.read(url))
