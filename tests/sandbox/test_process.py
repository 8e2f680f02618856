"""The process backend's own matter: there is no /app, so paths are replaced by those of the host."""

from __future__ import annotations

from pathlib import Path

import pytest

from podium.sandbox import Cause, Mount, SandboxConfig, Spec, create
from podium.sandbox.process import _Paths

PATHS = _Paths(
    Spec(
        argv=("true",),
        name="paths",
        workdir="/app/program",
        mounts=(
            Mount(Path("/jobs/1/program"), "/app/program"),
            Mount(Path("/jobs/1/input"), "/app/input"),
            Mount(Path("/jobs/1/ref"), "/app/input/ref"),
            Mount(Path("/jobs/1/output"), "/app/output", writable=True),
        ),
    )
)


@pytest.mark.parametrize(
    ("inside", "outside"),
    [
        ("/app/program", "/jobs/1/program"),
        ("/app/program/score.py", "/jobs/1/program/score.py"),
        ("/app/input/ref/truth.csv", "/jobs/1/ref/truth.csv"),
        ("/app/input/res", "/jobs/1/input/res"),
        ("--out=/app/output", "--out=/jobs/1/output"),
        ("/app/program:/app/output", "/jobs/1/program:/jobs/1/output"),
        ("/app/input_data", "/app/input_data"),
        ("/app/program.py", "/app/program.py"),
        ("/opt/app/program", "/opt/app/program"),
        ("plain words", "plain words"),
    ],
)
def test_paths_of_mounts_become_paths_of_the_host_and_no_others(inside: str, outside: str) -> None:
    assert PATHS.on_host(inside) == outside


async def test_a_program_finds_its_folders_by_the_paths_it_was_given(tmp_path: Path) -> None:
    for name in ("program", "output"):
        (tmp_path / name).mkdir()
    (tmp_path / "program" / "main.py").write_text(
        "import os, sys\nopen(sys.argv[1] + '/cwd', 'w').write(os.getcwd() + ' ' + os.environ['OUT'])"
    )
    sandbox = create("process", SandboxConfig(state_folder=tmp_path / "state", unsafe=True))
    result = await sandbox.run(
        Spec(
            argv=("python3", "/app/program/main.py", "/app/output"),
            name="folders",
            env={"OUT": "/app/output"},
            mounts=(
                Mount(tmp_path / "program", "/app/program"),
                Mount(tmp_path / "output", "/app/output", writable=True),
            ),
        )
    )

    assert result.cause == Cause.OK, result.detail
    assert (tmp_path / "output" / "cwd").read_text() == f"{tmp_path}/program {tmp_path}/output"


async def test_its_temporary_folder_is_gone_afterwards(tmp_path: Path) -> None:
    sandbox = create("process", SandboxConfig(state_folder=tmp_path / "state", unsafe=True))
    printed: list[bytes] = []
    await sandbox.run(
        Spec(argv=("sh", "-c", 'touch "$TMPDIR/x"; printf %s "$TMPDIR"'), name="temporary"),
        lambda stream, data: printed.append(data),
    )

    assert printed
    assert not Path(b"".join(printed).decode()).exists()
