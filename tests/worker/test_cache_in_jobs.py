"""The cache as jobs see it: fetched once, verified, not fooled by a broken download."""

from __future__ import annotations

import pytest

from podium.protocol import FileRef, Step

from .fake_platform import Platform, Tree, zip_of
from .worker_running import RunningWorker, StartWorker

pytestmark = pytest.mark.bwrap

READER: Tree = {
    "metadata": "command: python3 score.py",
    "score.py": (
        "print(open('/app/input/ref/truth').read())\nopen('/app/output/scores.json', 'w').write('{\"s\": 1}')\n"
    ),
}


async def test_reference_data_and_programs_are_fetched_once(platform: Platform, worker: RunningWorker) -> None:
    rows = [
        await platform.send(Step.SCORING, program=READER, reference={"truth": "42"}, results={"a": str(number)})
        for number in range(3)
    ]
    for row in rows:
        assert (await platform.finished(row)).failure is None
        assert row.output == "42\n"
    for ref in (rows[0].job.reference_data, rows[0].job.program):
        assert ref is not None
        assert platform.downloads[ref.sha256 or ""] == 1


async def test_jobs_that_start_together_share_one_download(platform: Platform, start_worker: StartWorker) -> None:
    rows = [
        await platform.send(Step.SCORING, program=READER, reference={"truth": "42"}, results={"a": str(number)})
        for number in range(4)
    ]
    await start_worker(slots=4)
    for row in rows:
        assert (await platform.finished(row)).failure is None
    assert rows[0].job.reference_data is not None
    assert platform.downloads[rows[0].job.reference_data.sha256 or ""] == 1


async def test_a_download_that_does_not_match_its_digest_is_fetched_again(
    platform: Platform, worker: RunningWorker
) -> None:

    good = zip_of({"truth": "42"})
    ref = platform.put(good)
    digest = ref.sha256 or ""
    platform.files[digest] = good[:-1] + b"?"
    row = await platform.send(Step.SCORING, program=READER, reference=ref, results={"a": "b"})
    await platform.until(lambda: platform.downloads[digest] >= 2)
    platform.files[digest] = good
    assert (await platform.finished(row)).failure is None
    assert row.output == "42\n"


async def test_a_download_that_is_cut_short_is_fetched_again(platform: Platform, worker: RunningWorker) -> None:

    good = zip_of({"truth": "42"})
    ref = platform.put(good)
    digest = ref.sha256 or ""
    platform.files[digest] = good[:20]
    row = await platform.send(Step.SCORING, program=READER, reference=ref, results={"a": "b"})
    await platform.until(lambda: platform.downloads[digest] >= 2)
    platform.files[digest] = good
    assert (await platform.finished(row)).failure is None


async def test_a_file_without_a_digest_is_fetched_for_each_job(platform: Platform, worker: RunningWorker) -> None:

    known = platform.put(zip_of({"truth": "42"}))
    for _ in range(2):
        row = await platform.send(Step.SCORING, program=READER, reference=FileRef(url=known.url), results={"a": "b"})
        assert (await platform.finished(row)).failure is None
    assert platform.downloads[known.sha256 or ""] == 2
