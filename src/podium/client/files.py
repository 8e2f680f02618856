"""Files: datasets of every type, sent and looked after, and the space they take."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from podium.client import parts
from podium.client.models import Dataset, Quota, Unused
from podium.client.rules import call, creation, many, named, one, put_file
from podium.client.steps import Plan, Request, Stream, work
from podium.client.uploads import Progress, packed, pieces


def upload_dataset(path: Path, type: str, *, name: str | None = None, progress: Progress | None = None) -> Plan[str]:
    """Send a file of a type (submission, input_data, scoring_program, ...) and return its key.

    A folder is zipped with its content at the root, a single file that is no zip is wrapped into one. `progress`
    is called with the bytes sent and the bytes in all. Large files go in parts; after an interruption, the same call
    goes on with what has arrived.
    """
    answer = yield from send(path, type, name=name, progress=progress)
    return str(answer["key"])


def send(path: Path, type: str, *, name: str | None, progress: Progress | None) -> Plan[dict[str, Any]]:
    """Send a file and return what the server says when it has it: its `key`, and a bundle's `status_id`."""
    with (yield from work(partial(packed, path))) as archive:
        size = archive.stat().st_size
        if size >= parts.IN_PARTS:
            return (yield from parts.send(archive, type, name=name, progress=progress))
        request = {
            "type": type,
            "request_sassy_file_name": archive.name,
            "file_name": archive.name,
            "file_size": size,
            **({"name": name} if name else {}),
        }
        place = yield from call("POST", "api/datasets/", json=request, headers=creation())
        headers = {
            "Content-Type": "application/zip",
            "Content-Length": str(size),
            "x-ms-blob-type": "BlockBlob",
        }
        body = partial(pieces, archive, size, progress)
        yield from put_file(Request("PUT", place["sassy_url"], headers=headers, body=body, signed=True, timeout=300))
        answer = yield from call("PUT", f"api/datasets/completed/{place['key']}/")
    return {"key": place["key"], **(answer if isinstance(answer, dict) else {})}


def in_a_form(path: str, archive: Path, progress: Progress | None) -> Request:
    """A request that posts a file as the field `file` of a form, read piece by piece."""
    boundary, size = secrets.token_hex(16), archive.stat().st_size
    head = (
        f'--{boundary}\r\nContent-Disposition: form-data; name="file"; filename="upload.zip"\r\n'
        "Content-Type: application/zip\r\n\r\n"
    ).encode()
    tail = f"\r\n--{boundary}--\r\n".encode()

    def body() -> Iterator[bytes]:
        yield head
        yield from pieces(archive, size, progress)
        yield tail

    headers = {
        "Content-Type": f"multipart/form-data; boundary={boundary}",
        "Content-Length": str(len(head) + size + len(tail)),
    }
    return Request("POST", path, headers=headers, body=body, timeout=300)


# Datasets


def datasets(*, type: str | None = None, public: bool = False, search: str | None = None) -> Stream[Dataset]:
    """The caller's datasets and the public ones, newest first, of every type or of one; `public`: only public ones."""
    return many(Dataset, "api/datasets/", {"type": type, "is_public": "true" if public else None, "search": search})


def public_datasets(*, search: str | None = None) -> Stream[Dataset]:
    """Public data, for everybody, also without a login."""
    return many(Dataset, "api/datasets/public/", {"search": search})


def dataset(dataset: int) -> Plan[Dataset]:
    """One dataset."""
    with named(f"dataset {dataset}"):
        return (yield from one(Dataset, "GET", f"api/datasets/{dataset}/"))


def update_dataset(dataset: int, **facts: Any) -> Plan[Dataset]:
    """Change what is said of a dataset of the caller's: name, description, type, license, is_public, file_name."""
    with named(f"dataset {dataset}"):
        return (yield from one(Dataset, "PATCH", f"api/datasets/{dataset}/", json=facts))


def delete_datasets(datasets: Sequence[int]) -> Plan[None]:
    """Delete datasets of the caller's that nothing uses, all or none."""
    yield from call("POST", "api/datasets/delete_many/", json=list(datasets))


# Space


def quota() -> Plan[Quota]:
    """How much space the caller's files may take and take."""
    return (yield from one(Quota, "GET", "api/user_quota/"))


def unused() -> Plan[Unused]:
    """How many things of the caller's nobody uses."""
    return (yield from one(Unused, "GET", "api/user_quota_cleanup/"))


def delete_unused(kind: str) -> Plan[str]:
    """Delete what nobody uses; `kind` is tasks, datasets, submissions or failed. Returns what the server says."""
    name = "failed_submissions" if kind == "failed" else f"unused_{kind}"
    answer = yield from call("DELETE", f"api/delete_{name}/")
    return str(answer["message"])
