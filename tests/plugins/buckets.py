"""Tests of files ask for the place that keeps them: the folder, or a bucket on a real server of this machine."""

# ruff: noqa: PLC0415 - the server is loaded by the tests that need it

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from tests.bucket_server import BucketServer, GoogleServer


@pytest.fixture(scope="session")
def bucket_server() -> Iterator[BucketServer]:
    """A server of buckets, one for each pytest process."""
    from tests.bucket_server import BucketServer

    server = BucketServer()
    yield server
    server.stop()


@pytest.fixture(scope="session")
def google_server() -> Iterator[GoogleServer]:
    """The same of Google's language."""
    from tests.bucket_server import GoogleServer

    server = GoogleServer()
    yield server
    server.stop()


@pytest.fixture
def bucket(bucket_server: BucketServer, settings: Any) -> str:
    """The address of an empty bucket, in which the site keeps its files during the test."""
    return keep_in(settings, bucket_server.url(bucket_server.new_bucket()))


def keep_in(settings: Any, url: str, **more: Any) -> str:
    """Let the site keep its files in the bucket of an address."""
    from pydantic import SecretStr

    settings.CONFIG = settings.CONFIG.model_copy(update={"storage_url": SecretStr(url), **more})
    return url


@pytest.fixture(params=["folder", "bucket", "bucket without copies", "Google's bucket without copies"])
def place(request: pytest.FixtureRequest, files: Path, settings: Any) -> str:
    """All places in turn: what a test says that asks for this holds wherever files are kept.

    Without copies every machine is as one that has not seen the file before.
    """
    if request.param != "folder":
        settings.CONFIG = settings.CONFIG.model_copy(
            update={} if request.param == "bucket" else {"storage_cache_bytes": 0}
        )
        if request.param.startswith("Google"):
            server = request.getfixturevalue("google_server")
            keep_in(settings, server.url(server.new_bucket()))
        else:
            request.getfixturevalue("bucket")
    return str(request.param)
