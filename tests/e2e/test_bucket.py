"""A platform whose files are in a bucket: web servers and site-worker that share nothing but that and a database."""

from __future__ import annotations

import base64
import hashlib
import io
import os
import subprocess
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import httpx
import pytest

from podium.client import Podium
from podium.formats.bundle import check_bundle
from podium.formats.competition_archive import open_competition_archive
from podium.site.buckets import opened
from tests.bucket_server import ESCAPED, SECRET, BucketServer, GoogleServer, Way

from . import bundles
from .conftest import MakePlatform
from .people import Person, sign_up
from .running import PASSWORD, Platform, free_port, own_database, podium_command
from .waiting import eventually

pytestmark = [pytest.mark.slow, pytest.mark.service, pytest.mark.bwrap, pytest.mark.xdist_group("e2e-bucket")]

PART = 8 * 2**20


@dataclass
class Apart(Platform):
    """Every role has a data folder of its own, as if each ran on another machine."""

    other_port: int = 0

    def folder(self, name: str) -> Path:
        """The data folder of a role."""
        return self.data / f"of-{name}"

    @property
    def other(self) -> str:
        """The address of the second web server."""
        return f"http://127.0.0.1:{self.other_port}"

    def start_apart(self) -> None:
        """Start two web servers and a site-worker."""
        self.set_up()
        self.start_web()
        self.other_port = free_port()
        for name, words in (
            ("web-2", ["web", "--host", "127.0.0.1", "--port", str(self.other_port)]),
            ("site-worker", ["site-worker"]),
        ):
            folder = self.folder(name)
            folder.mkdir(parents=True)
            env = {**self.environment(), "PODIUM_DATA": str(folder)}
            self._spawn(name, [*words, "--data", str(folder)], env)
        eventually(lambda: self._answers(self.roles["web-2"], self.other_port), "a page from the second web server")


@pytest.fixture(scope="module", params=["S3", "Google"])
def server(request: pytest.FixtureRequest) -> BucketServer | GoogleServer:
    """A server of either language."""
    name = {"S3": "bucket_server", "Google": "google_server"}[request.param]
    found: BucketServer | GoogleServer = request.getfixturevalue(name)
    return found


@pytest.fixture(scope="module")
def way(server: BucketServer | GoogleServer) -> Iterator[Way]:
    """The way to the bucket's server, which can be cut."""
    made = Way(server.port)
    yield made
    made.cut()


@pytest.fixture(scope="module")
def store_url(server: BucketServer | GoogleServer, way: Way) -> str:
    """The address of the platform's bucket."""
    return server.url(server.new_bucket(), port=way.port)


@pytest.fixture(scope="module")
def platform(store_url: str, new_platform: MakePlatform) -> Iterator[Apart]:
    """On PostgreSQL, with its files in a bucket."""
    settings = {
        "STORAGE_URL": store_url,
        "PODIUM_SECRET_KEY": "the same on every machine " * 3,
        "PODIUM_TIDY_SECONDS": "2",
        "PODIUM_LEASE_SECONDS": "10",
    }
    with own_database() as url:
        made = new_platform(Apart, database_url=url, settings=settings)
        assert isinstance(made, Apart)
        made.start_apart()
        made.start_worker()
        yield made
        made.stop()


@pytest.fixture(scope="module")
def olivia(platform: Apart) -> Iterator[Person]:
    person = sign_up(platform, "olivia")
    yield person
    person.client.close()


@pytest.fixture(scope="module")
def pat(platform: Apart) -> Iterator[Person]:
    person = sign_up(platform, "pat")
    yield person
    person.client.close()


@pytest.fixture
def people(olivia: Person, pat: Person) -> tuple[Person, Person]:
    """An organizer and a participant."""
    return olivia, pat


def elsewhere(platform: Apart, url: str) -> str:
    """The same address at the second web server."""
    return url.replace(platform.url, platform.other) if url.startswith("http") else f"{platform.other}{url}"


def keys(url: str) -> set[str]:
    """The files in the bucket; parts of uploads are none."""
    return {entry.key for entry in opened(url).listing("") if entry.key.count("/") == 3}


def recorded(platform: Platform) -> set[str]:
    """The files that the database knows."""
    tables = ("resources_storedfile", "resources_arrivedfile")
    return {row["key"] for table in tables for row in platform.rows(f"SELECT key FROM {table}")}  # noqa: S608


def outputs_sealed(platform: Platform) -> None:
    """Wait until what programs have printed lies in files."""
    chunks = "SELECT 1 FROM evaluation_attempt WHERE has_chunks"
    eventually(lambda: not platform.rows(chunks), "all output to lie in files")


def platform_logs(platform: Platform) -> str:
    """All that its processes have written."""
    return "".join(log.read_text() for log in platform.data.rglob("*.log"))


def test_everything_works_where_two_webs_share_only_database_and_bucket(
    platform: Apart, olivia: Person, pat: Person, store_url: str, tmp_path: Path
) -> None:
    competition = olivia.publish(bundles.bundle(tmp_path / "bundle", "In a bucket", image=platform.image))
    pat.take_part(competition)

    # Sent to the second web server, scored by a worker that knows the first.
    at_other = Podium(platform.other, timeout=60)
    at_other.login("pat", PASSWORD)
    answer = bundles.write(tmp_path / "answer", {"answer.txt": "0.5"})
    made = at_other.submit_file(competition.phases[0].id, answer)
    assert pat.ended(made.id).status == "Finished"
    outputs_sealed(platform)
    log = pat.log(made.id)
    assert log == "\n".join(text for text in at_other.logs(made.id).values())
    at_other.close()

    # What was submitted, in two pieces from two servers.
    details = pat.get(f"/api/submissions/{made.id}/get_details/").json()
    url = details["data_file"]
    whole = httpx.get(elsewhere(platform, url), timeout=60)
    assert whole.status_code == 200
    assert zipfile.ZipFile(io.BytesIO(whole.content)).read("answer.txt") == b"0.5"
    halves = [
        httpx.get(url, headers={"Range": "bytes=0-9"}, timeout=60),
        httpx.get(elsewhere(platform, url), headers={"Range": "bytes=10-"}, timeout=60),
    ]
    assert [half.status_code for half in halves] == [206, 206]
    assert halves[0].content + halves[1].content == whole.content
    assert halves[1].headers["content-range"].startswith(f"bytes 10-{len(whole.content) - 1}/")

    # A dump, an archive, and a submission that goes.
    dump = olivia.client.wait_for_dump(competition.id, olivia.client.create_dump(competition.id))
    archive = olivia.client.wait_for_archive(competition.id, olivia.client.create_archive(competition.id).id)
    for name, url in (("dump.zip", dump.url), ("archive.zip", archive.url)):
        assert url is not None
        got = httpx.get(elsewhere(platform, url), timeout=60)
        assert got.status_code == 200
        (tmp_path / name).write_bytes(got.content)
    assert check_bundle(tmp_path / "dump.zip").ok
    with open_competition_archive(tmp_path / "archive.zip") as opened_archive:
        assert len(list(opened_archive.rows("submissions"))) == 1
    second = pat.submit(competition, bundles.write(tmp_path / "second", {"answer.txt": "0.75"}))
    assert pat.ended(second.id).status == "Finished"
    outputs_sealed(platform)
    eventually(lambda: keys(store_url) == recorded(platform), "the bucket to hold what the database says")
    before = keys(store_url)
    pat.client.delete_submissions([made.id])
    eventually(lambda: keys(store_url) < before and keys(store_url) == recorded(platform), "its files to be gone")

    assert not [path for path in platform.data.rglob("files/*/*/*/*") if path.is_file()], "no folder has files"
    doctor = subprocess.run(
        podium_command("doctor", "--data", str(platform.data)),
        env=platform.environment(),
        capture_output=True,
        check=False,
    )
    assert b"wrote, read, listed and deleted an object" in doctor.stdout + doctor.stderr
    for text in (platform_logs(platform), (doctor.stdout + doctor.stderr).decode()):
        assert SECRET not in text
        assert ESCAPED not in text


def test_parts_may_come_to_any_web_and_be_put_together_by_another(platform: Apart, pat: Person) -> None:
    content = os.urandom(PART) + b"the end"
    headers = {"Authorization": f"Token {pat.client.token}"}
    facts = {"type": "submission", "file_name": "big.zip", "file_size": len(content)}
    facts["sha256"] = hashlib.sha256(content).hexdigest()
    begun = httpx.post(f"{platform.url}/api/uploads/", json=facts, headers=headers, timeout=60).json()
    pieces = [content[:PART], content[PART:]]
    for number, (at, piece) in enumerate(zip((platform.url, platform.other), pieces, strict=True), start=1):
        url = begun["part_url"].replace(platform.url, at).replace("{part}", str(number))
        digest = base64.b64encode(hashlib.sha256(piece).digest()).decode()
        sent = httpx.put(url, content=piece, headers={"Content-Digest": f"sha-256=:{digest}:"}, timeout=60)
        assert sent.status_code == 200, sent.text
    told = httpx.get(f"{platform.other}/api/uploads/{begun['key']}/", headers=headers, timeout=60).json()
    assert told["missing"] == []
    done = httpx.post(f"{platform.other}/api/uploads/{begun['key']}/complete/", headers=headers, timeout=60)
    assert done.status_code == 200, done.text
    (row,) = platform.rows(
        "SELECT f.sha256, f.size FROM resources_storedfile f JOIN resources_dataset d ON d.data_file_id = f.id "
        "WHERE d.key = ?",
        begun["key"],
    )
    assert (row["sha256"], row["size"]) == (facts["sha256"], len(content))


def test_a_bucket_that_goes_away_in_the_middle_loses_nothing(
    platform: Apart, people: tuple[Person, Person], way: Way, store_url: str, tmp_path: Path
) -> None:
    olivia, pat = people
    competition = olivia.publish(bundles.bundle(tmp_path / "bundle", "Away", image=platform.image))
    pat.take_part(competition)
    platform.roles["worker-0"].freeze()
    made = pat.submit(competition, bundles.write(tmp_path / "answer", {"answer.txt": "0.25"}))
    way.cut()
    try:
        platform.roles["worker-0"].thaw()
        refused = eventually(
            lambda: "unavailable" in platform.roles["web"].log.read_text(), "the worker to be told to come again"
        )
        assert refused
        page = pat.get("/competitions/public/")
        assert page.status_code == 200, "what needs no file goes on"
    finally:
        way.mend()
    assert pat.ended(made.id).status == "Finished"
    eventually(lambda: keys(store_url) == recorded(platform), "nothing half-made to be left")
