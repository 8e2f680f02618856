"""Getting local files ready to be sent: folders and single files become zips, bodies are streamed."""

from __future__ import annotations

import tempfile
import zipfile
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, contextmanager
from pathlib import Path

from podium.client.errors import PodiumError

PIECE = 256 * 1024

Progress = Callable[[int, int], None]
"""Called with the bytes sent so far and the bytes in all."""


@contextmanager
def as_zip(path: Path) -> Iterator[Path]:
    """Give a zip for `path`: a zip as it is, a folder packed with its content at the root, a single file wrapped.

    The temporary zip is removed on leaving.

    Raises PodiumError when there is nothing at `path`, it cannot be packed, or it is called a zip and is none.
    """
    if not path.exists():
        raise PodiumError(f"There is no file or folder {path}.", hint="Check the path.")
    if path.is_file() and zipfile.is_zipfile(path):
        _refuse_empty(path)
        yield path
        return
    if path.is_file() and path.suffix.lower() == ".zip":
        _refuse_no_zip(path)
    with tempfile.TemporaryDirectory(prefix="podium-upload-") as folder:
        packed = Path(folder) / f"{path.resolve().name or 'upload'}.zip"
        if path.is_dir():
            _pack_folder(path, packed)
        else:
            with zipfile.ZipFile(packed, "w", zipfile.ZIP_DEFLATED, compresslevel=1) as archive:
                archive.write(path, path.name)
        yield packed


def packed(path: Path) -> AbstractContextManager[Path]:
    """`as_zip`, with the packing done when this returns rather than when the block is entered."""
    stack = ExitStack()
    archive = stack.enter_context(as_zip(path))
    return _Packed(stack, archive)


class _Packed(AbstractContextManager[Path]):
    def __init__(self, stack: ExitStack, archive: Path) -> None:
        self._stack, self._archive = stack, archive

    def __enter__(self) -> Path:
        return self._archive

    def __exit__(self, *error: object) -> None:
        self._stack.close()


def _refuse_empty(path: Path) -> None:
    with zipfile.ZipFile(path) as archive:
        if not archive.infolist():
            raise PodiumError(f"{path} is a zip without any file in it.", hint="Put the files to send into it.")


def _refuse_no_zip(path: Path) -> None:
    """Say what is wrong with a file that is called a zip; wrapped into another one it would fail much later."""
    from podium.formats.archives import ArchiveError, inspect  # noqa: PLC0415 - zips are sent without it

    why = "This is not a usable zip file."
    try:
        inspect(path)
    except ArchiveError as error:
        why = str(error)
    raise PodiumError(f"{path} cannot be sent. {why}", hint="Zip the files again, or name their folder instead.")


def _pack_folder(folder: Path, target: Path) -> None:
    from podium.formats.archives import ArchiveError, pack_folder  # noqa: PLC0415 - zips are sent without it

    if not any(folder.iterdir()):
        raise PodiumError(f"The folder {folder} is empty.", hint="Put the files to send into it.")
    try:
        pack_folder(folder, target)
    except ArchiveError as error:
        raise PodiumError(f"{folder} cannot be packed: {error}") from error


def pieces(path: Path, size: int, progress: Progress | None) -> Iterator[bytes]:
    """Read a file piece by piece, telling `progress` after each."""
    sent = 0
    with path.open("rb") as stream:
        while piece := stream.read(PIECE):
            yield piece
            sent += len(piece)
            if progress:
                progress(sent, size)
