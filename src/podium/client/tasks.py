"""Tasks: what is submitted to and scored."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Any

from podium.client.files import in_a_form
from podium.client.models import TaskDetails
from podium.client.rules import asked_for, call, creation, many, named, one
from podium.client.steps import Plan, Stream, work
from podium.client.uploads import Progress, packed


def tasks(*, public: bool = False, search: str | None = None) -> Stream[TaskDetails]:
    """The caller's tasks and those shared with them, newest first; `public` adds everybody's public ones."""
    return many(TaskDetails, "api/tasks/", {"public": "true" if public else None, "search": search})


def task(task: int) -> Plan[TaskDetails]:
    """One task with its programs and data."""
    with named(f"task {task}"):
        return (yield from one(TaskDetails, "GET", f"api/tasks/{task}/"))


def create_task(name: str, scoring_program: str, **facts: Any) -> Plan[TaskDetails]:
    """Make a task of datasets, named by their keys.

    `facts` may be description, ingestion_program, input_data, reference_data, ingestion_only_during_scoring, is_public.
    """
    body = {"name": name, "scoring_program": scoring_program, **facts}
    return (yield from one(TaskDetails, "POST", "api/tasks/", json=body, headers=creation()))


def update_task(task: int, **facts: Any) -> Plan[TaskDetails]:
    """Change what is given of a task, in the words of `create_task`; what is not given stays."""
    with named(f"task {task}"):
        return (yield from one(TaskDetails, "PATCH", f"api/tasks/{task}/", json=facts))


def delete_task(task: int) -> Plan[None]:
    """Delete a task of the caller's that no phase has; its datasets stay."""
    with named(f"task {task}"):
        yield from call("DELETE", f"api/tasks/{task}/")


def upload_task(path: Path, *, progress: Progress | None = None) -> Plan[str]:
    """Make a task of an archive, zip or folder, with `task.yaml` in it; returns what the server says."""
    with (yield from work(partial(packed, path))) as archive:
        _, answer = yield from asked_for(in_a_form("api/tasks/upload_task/", archive, progress))
    return str(answer.get("message", "")) if isinstance(answer, dict) else ""
