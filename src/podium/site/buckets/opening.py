"""From an address to its bucket."""

from __future__ import annotations

from importlib.util import find_spec

from podium.site.buckets.address import Address, BadAddress
from podium.site.buckets.store import Store


def opened(url: str) -> Store:
    """The bucket at an address; it is not asked for anything yet. Raises BadAddress."""
    address = checked(url)
    if address.kind == "gs":
        from podium.site.buckets.google import GoogleStorage  # noqa: PLC0415 - loaded only where it is used

        return GoogleStorage(address)
    from podium.site.buckets.s3 import S3  # noqa: PLC0415 - the same

    return S3(address)


def checked(url: str) -> Address:
    """An address that this installation can open. Raises BadAddress."""
    address = Address.read(url)
    if address.kind == "gs" and not _is_installed("google.cloud.storage"):
        raise BadAddress("Google's library is not installed: install podium[gcs]")
    return address


def _is_installed(module: str) -> bool:
    try:
        return find_spec(module) is not None
    except ModuleNotFoundError:  # not even what it is a part of
        return False
