"""Fixtures of the formats' tests."""

from __future__ import annotations

import zipfile
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest

from .building import BundleMaker, zip_bytes


@pytest.fixture
def bundle(tmp_path: Path) -> BundleMaker:
    """A good bundle to spoil."""
    return BundleMaker(tmp_path)


@pytest.fixture
def make_zip(tmp_path: Path) -> Callable[..., Path]:
    """Write a zip of files and return its path."""

    def make(files: Mapping[str, bytes | str], compression: int = zipfile.ZIP_DEFLATED) -> Path:
        path = tmp_path / "made.zip"
        path.write_bytes(zip_bytes(files, compression))
        return path

    return make
