"""The progress bar that commands show while bytes move."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from podium.cli import output

if TYPE_CHECKING:
    from podium.client.uploads import Progress


@contextmanager
def progress_bar(title: str, *, quiet: bool) -> Iterator[Progress | None]:
    """A progress bar on standard error while bytes move; nothing in JSON mode or without a terminal."""
    err = output.console(stderr=True)
    if quiet or not err.is_terminal:
        yield None
        return
    from rich.progress import BarColumn, DownloadColumn, Progress as Bar, TextColumn, TransferSpeedColumn  # noqa: I001, PLC0415

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bar(*columns, console=err, transient=True) as bar:
        task = bar.add_task(output.safe(title).replace("[", "\\["), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total or None)
