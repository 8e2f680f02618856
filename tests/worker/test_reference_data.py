"""Programs that hunt for the reference data: wherever a participant's code runs, there is no way to it.

The same hunt, run by the scoring program, does find it, so that finding nothing means something.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from podium.protocol import JobLimits, Step, Stream
from tests.images.podman import IMAGE, podman_service

from .fake_platform import Platform, Tree
from .worker_running import Gate, StartWorker

SECRET = f"the-truth-{uuid.uuid4().hex}"
REFERENCE = {"truth.txt": SECRET, "deep/er/labels.csv": f"1,{SECRET}\n"}
LIMITS = JobLimits(wall_seconds=120, processes=256)

# It knows how the secret begins, not how it goes on, and prints each way by which it came to it.
HUNT = """
import glob, os, re, stat, subprocess

SECRET = re.compile(rb"the-truth-[0-9a-f]{32}")
ways = set()

def look(way, path, directory=None):
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK, dir_fd=directory)
    except OSError:
        return
    try:
        if stat.S_ISREG(os.fstat(descriptor).st_mode) and SECRET.search(os.read(descriptor, 1 << 20)):
            ways.add(way)
    except OSError:
        pass
    finally:
        os.close(descriptor)

def walk(way, top, skip=()):
    for folder, folders, names in os.walk(top, followlinks=False):
        folders[:] = [each for each in folders if os.path.join(folder, each) not in skip]
        for name in names:
            look(way, os.path.join(folder, name))

SYSTEM = ("/usr", "/proc", "/sys", "/dev/pts")
walk("files", "/", SYSTEM)
for process in glob.glob("/proc/[0-9]*"):
    walk("roots", process + "/root", tuple(process + "/root" + each for each in SYSTEM))
    walk("folders", process + "/cwd/../../..", tuple(process + "/cwd/../../.." + each for each in SYSTEM))
    for descriptor in glob.glob(process + "/fd/*") + glob.glob(process + "/map_files/*"):
        look("descriptors", descriptor)
    for name in ("environ", "cmdline", "maps"):
        look("processes", f"{process}/{name}")
for line in open("/proc/self/mountinfo"):
    source, target = line.split()[3:5]
    for path in (source, os.path.dirname(source), os.path.dirname(os.path.dirname(source)), target):
        if path not in ("/", "") and not path.startswith(SYSTEM):
            walk("mounts", path)
for descriptor in range(3, 64):
    look("inherited", f"/proc/self/fd/{descriptor}")
    try:  # a folder that was left open is a door: out of it, and up
        for name in os.listdir(descriptor):
            look("inherited", name, descriptor)
    except OSError:
        pass
for command in (["/usr/bin/find", "/app", "-type", "f"], ["/bin/sh", "-c", "ls -R /app/input /app/shared"]):
    subprocess.run(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
"""

# What is left behind is packed by the worker, outside: names that lead to where the data may lie there.
PLANT = """
output = "/app/output"
for number, line in enumerate(open("/proc/self/mountinfo")):
    source = line.split()[3]
    for up in range(1, 6):
        source = os.path.dirname(source)
        for ending in ("", "/reference_data", "/input/ref/truth.txt", "/cache/entries"):
            try:
                os.symlink(source + ending, f"{output}/link-{number}-{up}-{ending.replace('/', '-')}")
            except OSError:
                pass
for name, target in (("truth", "/app/input/ref/truth.txt"), ("self", "/proc/self/root"), ("up", "../../../../..")):
    for folder in (output, "/app/shared"):
        try:
            os.symlink(target, f"{folder}/{name}")
        except OSError:
            pass
        try:
            os.link(target, f"{folder}/{name}-hard")
        except OSError:
            pass
"""
SAY = "\nprint('ways:', sorted(ways), flush=True)\n"
CODE: Tree = {"metadata": "description: code\n", "model.py": "hunt = 1\n"}


def hunter(*, after: str = "") -> Tree:
    return {"metadata": "command: python3 hunt.py", "hunt.py": HUNT + PLANT + SAY + after}


@pytest.fixture(scope="module")
def engine_socket(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with podman_service(tmp_path_factory.mktemp("podman")) as address:
        yield address


@pytest.fixture(
    params=[
        pytest.param("bubblewrap", marks=pytest.mark.bwrap),
        pytest.param("docker", marks=[pytest.mark.container, pytest.mark.slow]),
    ]
)
def engine(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The settings of a worker with one of the engines that isolate."""
    if request.param == "docker":
        return {"engine": "docker", "container_socket": request.getfixturevalue("engine_socket")}
    return {"engine": request.param}


def scorer(wait: str = "") -> Tree:
    return {
        "metadata": "command: python3 score.py",
        "score.py": HUNT + SAY + wait + "\nopen('/app/output/scores.json', 'w').write('{\"s\": 1}')\n",
    }


async def test_a_submission_that_hunts_while_another_is_scored_finds_nothing(
    platform: Platform, start_worker: StartWorker, engine: dict[str, Any], gate: Gate
) -> None:
    await start_worker(**engine, slots=2)
    scoring = await platform.send(
        Step.SCORING, program=scorer(gate.wait), reference=REFERENCE, results={"a": "b"}, image=IMAGE, limits=LIMITS
    )
    await platform.until(lambda: "ways:" in scoring.output)
    hunting = await platform.send(
        Step.PREDICTION,
        program=hunter(),
        ingestion=hunter(),
        input_data={"question": "?"},
        reference=REFERENCE,
        image=IMAGE,
        limits=LIMITS,
    )
    ended = await platform.finished(hunting)
    gate.open()
    assert (await platform.finished(scoring)).failure is None

    assert "'files'" in scoring.output, "the hunt finds what is there to be found"
    assert ended.failure is None, (ended.failure, hunting.errors)
    assert (hunting.output, hunting.text(Stream.INGESTION_STDOUT)) == ("ways: []\n", "ways: []\n")
    packed = platform.output_files(hunting)
    assert SECRET not in str(packed)
    assert set(packed) == {"metadata"}, "links that were planted are packed neither as files nor as links"


async def test_ingestion_that_hunts_beside_the_scoring_program_finds_nothing(
    platform: Platform, start_worker: StartWorker, engine: dict[str, Any]
) -> None:
    await start_worker(**engine)
    wait = "\nimport time\nwhile not os.path.exists('/app/shared/hunted'): time.sleep(0.01)\n"
    row = await platform.send(
        Step.SCORING,
        program=scorer(wait),
        ingestion=hunter(after="open('/app/shared/hunted', 'w').close()\n"),
        input_data={"question": "?"},
        reference=REFERENCE,
        results=CODE,
        ingestion_only_during_scoring=True,
        image=IMAGE,
        limits=LIMITS,
    )
    outcome = await platform.finished(row)

    assert outcome.failure is None, (outcome.failure, row.errors)
    assert "'files'" in row.output, "the hunt finds what is there to be found"
    assert row.text(Stream.INGESTION_STDOUT) == "ways: []\n", row.text(Stream.INGESTION_STDERR)
    assert SECRET not in str(platform.output_files(row))
