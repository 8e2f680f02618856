"""Limits of a phase: stored as asked, settled with the first run, never lowered behind anybody's back."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.test import Client
from django.utils import timezone

from podium.formats.bundle import check_bundle
from podium.protocol import Ceilings, Claim
from podium.site.accounts.models import User
from podium.site.competitions.models import Competition
from podium.site.competitions.services.creation import BundleRefused, create_from_bundle
from podium.site.errors import Forbidden
from podium.site.evaluation import limits, services
from podium.site.evaluation.jobs import job_for
from podium.site.evaluation.models import Run
from podium.site.evaluation.services import limits as settling
from podium.site.queues.models import Queue, Worker
from tests.factories import write_bundle
from tests.site.acting import phase_of, submit

Make = Callable[..., Competition]
GB = 10**9
HOUR = 3600.0


def claim(queue: Queue, name: str, **ceilings: Any) -> Any:
    """One claim by a worker with these ceilings: the job, or None."""
    found = services.claim_run(queue=queue, claim=Claim(worker=name, wait=0, ceilings=Ceilings(**ceilings)))
    return job_for(*found) if found else None


def asking(make: Make, **phase: Any) -> Competition:
    return make(phase={"max_submissions_per_day": 0, "max_submissions": 0, **phase})


def test_what_is_asked_is_stored_as_asked_and_the_job_is_told_what_is_in_effect(
    make_competition: Make, pat: User, queue: Queue, settings: Any
) -> None:
    competition = asking(
        make_competition,
        execution_time_limit=2147483647,
        memory_limit="8 GB",
        disk_limit="2 GiB",
        shared_memory_limit="1 GiB",
        output_limit="1 MiB",
        cpu_limit=1.5,
        process_limit=99,
        gpus=0,
    )
    submit(pat, competition)
    job = claim(queue, "w")

    phase = competition.phases.get()
    assert (phase.execution_time_limit, phase.memory_limit, phase.cpu_limit) == (2147483647, 8 * GB, 1.5)
    assert job.limits.wall_seconds == settings.CONFIG.max_execution_seconds
    assert job.limits.model_dump(exclude={"wall_seconds"}) == {
        "memory_bytes": 8 * GB,
        "disk_bytes": 2 * 2**30,
        "shm_bytes": 2**30,
        "output_bytes": 2**20,
        "cpus": 1.5,
        "processes": 99,
        "gpus": 0,
        "network": False,
    }
    assert Run.objects.get(pk=job.run).limits == job.limits.model_dump(), "a score knows the limits that made it"


def test_what_is_not_asked_is_the_sites_default_or_what_a_small_worker_has(
    make_competition: Make, pat: User, queue: Queue, settings: Any
) -> None:
    competition = asking(make_competition)
    submit(pat, competition)
    submit(pat, competition)

    assert claim(queue, "big").limits.memory_bytes == settings.CONFIG.default_memory_bytes
    assert claim(queue, "small", memory_bytes=GB).limits.memory_bytes == GB


def test_a_weaker_worker_gets_no_run_of_a_phase_that_another_serves_in_full(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    competition = asking(make_competition, memory_limit="16 GB")
    claim(queue, "big", memory_bytes=32 * GB)
    submit(pat, competition)

    assert claim(queue, "small", memory_bytes=8 * GB) is None
    assert claim(queue, "big", memory_bytes=32 * GB).limits.memory_bytes == 16 * GB


def test_a_weaker_worker_still_gets_the_runs_that_it_can_do(make_competition: Make, pat: User, queue: Queue) -> None:
    claim(queue, "big", memory_bytes=32 * GB)
    submit(pat, asking(make_competition, memory_limit="16 GB"))
    light = submit(pat, asking(make_competition))

    assert Run.objects.get(pk=claim(queue, "small", memory_bytes=8 * GB).run).submission_id == light.pk


def test_the_first_run_settles_the_phase_at_what_the_nearest_worker_gives(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    competition = asking(make_competition, memory_limit="16 GB")
    claim(queue, "small", memory_bytes=8 * GB)
    for _ in range(2):
        submit(pat, competition)
    assert claim(queue, "tiny", memory_bytes=2 * GB) is None
    assert claim(queue, "small", memory_bytes=8 * GB).limits.memory_bytes == 8 * GB

    assert claim(queue, "tiny", memory_bytes=2 * GB) is None, "settled limits are not lowered for a weaker worker"
    assert claim(queue, "late and big", memory_bytes=32 * GB).limits.memory_bytes == 8 * GB, "and not raised"


def test_a_worker_that_was_not_seen_lately_is_not_waited_for(make_competition: Make, pat: User, queue: Queue) -> None:
    claim(queue, "big", memory_bytes=32 * GB)
    Worker.objects.update(last_seen=timezone.now() - timedelta(hours=1))
    submit(pat, asking(make_competition, memory_limit="16 GB"))

    assert claim(queue, "small", memory_bytes=8 * GB).limits.memory_bytes == 8 * GB


def test_when_no_worker_gives_what_was_settled_the_runs_wait_and_an_organizer_can_settle_anew(
    make_competition: Make, pat: User, olivia: User, sam: User, queue: Queue
) -> None:
    competition = asking(make_competition, memory_limit="16 GB")
    submit(pat, competition)
    submit(pat, competition)
    claim(queue, "big", memory_bytes=32 * GB)
    Worker.objects.filter(name="big").delete()

    assert claim(queue, "small", memory_bytes=8 * GB) is None
    found = limits.standing(phase_of(competition), limits.live_ceilings(queue.pk))
    assert limits.reason_unserved(found) == (
        "This phase needs 16.0 GB of memory, and no worker of its queue gives that now. Its submissions wait for one."
    )
    with pytest.raises(Forbidden):
        settling.settle_anew(phase=phase_of(competition), by=sam)
    settling.settle_anew(phase=phase_of(competition), by=olivia)
    assert claim(queue, "small", memory_bytes=8 * GB).limits.memory_bytes == 8 * GB


def test_a_ceiling_that_the_operator_lowers_during_a_phase_holds_its_runs_and_says_so(
    make_competition: Make, pat: User, queue: Queue, settings: Any
) -> None:
    competition = asking(make_competition, execution_time_limit=7200)
    submit(pat, competition)
    submit(pat, competition)
    assert claim(queue, "w").limits.wall_seconds == 2 * HOUR
    settings.CONFIG = settings.CONFIG.model_copy(update={"max_execution_seconds": 3600})

    assert claim(queue, "w") is None
    found = limits.standing(phase_of(competition), limits.live_ceilings(queue.pk))
    assert "PODIUM_MAX_EXECUTION_SECONDS" in limits.reason_unserved(found)


@pytest.mark.parametrize("phase", [{"gpus": 2}, {"network": True}])
def test_gpus_and_network_are_had_in_full_or_waited_for(
    make_competition: Make, pat: User, queue: Queue, settings: Any, phase: dict[str, Any]
) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"allow_network": True})
    competition = asking(make_competition, **phase)
    submit(pat, competition)

    assert claim(queue, "without", gpus=1) is None
    job = claim(queue, "with", **phase)
    assert {name: getattr(job.limits, name) for name in phase} == phase


def test_a_worker_that_is_not_ready_gets_nothing_and_its_reason_is_kept(
    make_competition: Make, pat: User, queue: Queue
) -> None:
    submit(pat, asking(make_competition))
    reason = "1 GB of disk are free, and 2 GB must be."
    assert services.claim_run(queue=queue, claim=Claim(worker="full", wait=0, not_ready=reason)) is None
    assert Worker.objects.get(name="full").not_ready == reason
    assert claim(queue, "full") is not None
    assert Worker.objects.get(name="full").not_ready == ""


def test_a_bundle_is_warned_of_ceilings_and_refused_network(tmp_path: Any, olivia: User, settings: Any) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"max_memory_bytes": 4 * GB, "max_gpus": 1})
    high = write_bundle(tmp_path / "high", phase={"memory_limit": "16 GB", "execution_time_limit": 60})
    _, faults = create_from_bundle(bundle=high, user=olivia)
    assert [(each["code"], each["path"], each["message"]) for each in faults] == [
        (
            "above_ceiling",
            "phases[0].memory_limit",
            "memory_limit is 16.0 GB, and this site gives at most 4.0 GB.",
        )
    ]
    for asked, message in [({"network": True}, "no network"), ({"gpus": 2}, "at most 1")]:
        with pytest.raises(BundleRefused, match=message):
            create_from_bundle(bundle=write_bundle(tmp_path / message, phase=asked), user=olivia)
        assert check_bundle(tmp_path / message).ok, "without a site nothing is too much"


def test_page_and_api_tell_what_is_asked_what_is_in_effect_and_why(
    make_competition: Make, pat: User, queue: Queue, client: Client, settings: Any
) -> None:
    settings.CONFIG = settings.CONFIG.model_copy(update={"max_memory_bytes": 4 * GB})
    competition = asking(make_competition, memory_limit="16 GB", execution_time_limit=7200, cpu_limit=2)
    claim(queue, "slow", wall_seconds=HOUR)
    client.force_login(pat)

    page = client.get(f"/competitions/{competition.pk}/phases/").content.decode()
    assert "(16.0 GB asked; this site gives no more)" in page
    assert "(2 h asked; the workers of its queue give no more)" in page
    phase = client.get(f"/api/competitions/{competition.pk}/").json()["phases"][0]
    assert (phase["memory_limit"], phase["cpu_limit"], phase["network"]) == (16 * GB, 2, False)
    assert phase["effective_limits"]["limits"]["memory_bytes"] == 4 * GB
    assert phase["effective_limits"]["limits"]["wall_seconds"] == HOUR
    assert phase["effective_limits"]["lowered"] == {"memory_limit": "site", "execution_time_limit": "workers"}
    assert client.get("/api/limits/").json()["memory_limit"] == 4 * GB


def test_a_time_that_means_no_limit_is_shown_as_it_was_written(
    make_competition: Make, pat: User, queue: Queue, client: Client
) -> None:
    competition = asking(make_competition, execution_time_limit=2147483647)
    client.force_login(pat)
    page = client.get(f"/competitions/{competition.pk}/phases/").content.decode()
    assert "24 h for each step" in page
    assert "(2,147,483,647 s asked; this site gives no more)" in page


def test_the_submission_page_says_what_it_waits_for_and_under_which_limits_it_ran(
    make_competition: Make, pat: User, queue: Queue, client: Client
) -> None:
    competition = asking(make_competition, gpus=1)
    submission = submit(pat, competition)
    claim(queue, "without")
    client.force_login(pat)

    waiting = client.get(f"/submissions/{submission.pk}/").content.decode()
    assert "This phase needs 1 GPU," in waiting
    assert claim(queue, "with", gpus=1) is not None
    running = client.get(f"/submissions/{submission.pk}/").content.decode()
    assert "This phase needs" not in running
    assert "Limits in effect" in running


def test_an_organizer_settles_anew_by_page_and_by_api_and_nobody_else_does(
    make_competition: Make, pat: User, olivia: User, queue: Queue, client: Client
) -> None:
    competition = asking(make_competition)
    for address in (
        f"/competitions/{competition.pk}/phases/{phase_of(competition).pk}/settle_limits/",
        f"/api/phases/{phase_of(competition).pk}/settle_limits/",
    ):
        submit(pat, competition)
        claim(queue, "w")
        assert phase_of(competition).agreed_limits
        client.force_login(pat)
        client.post(address)
        assert phase_of(competition).agreed_limits
        client.force_login(olivia)
        client.post(address)
        assert phase_of(competition).agreed_limits is None
