"""Programs of CodaLab's and Codabench's old bundles run as they are: by the worker's own code, in real sandboxes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from podium.protocol import Cause, EarlierScores, Provenance, Step
from podium.sandbox import Sandbox, SandboxConfig, create
from podium.worker.local import LocalResult, LocalTask, run_task
from podium.worker.provenance import write_provenance

from .fake_platform import Platform, Tree, files_of, zip_of

pytestmark = pytest.mark.bwrap

# CodaLab's usual scoring program: two arguments, and a score without a blank behind the colon.
EVALUATE = (
    "import os, sys\n"
    "given, output = sys.argv[1:]\n"
    "truth, answer = (open(os.path.join(given, name)).read() for name in ('ref/truth.txt', 'res/answer.txt'))\n"
    "right = truth == answer\n"
    "open(os.path.join(output, 'scores.txt'), 'w').write('correct:%d\\n' % right)\n"
)
OLD_SCORER: Tree = {
    "metadata": "command: python $program/evaluate.py $input $output\r\ndescription: Example program\r\n",
    "evaluate.py": EVALUATE.replace("\n", "\r\n"),
}
REFERENCE: Tree = {"truth.txt": "yellow", "metadata": "This is the authoritative result."}


@pytest.fixture
async def sandbox(work_folder: Path) -> AsyncIterator[Sandbox]:
    made = create("bubblewrap", SandboxConfig(owner="old-programs", state_folder=work_folder / "state"))
    yield made
    await made.aclose()


class Runner:
    """Runs a task of old programs on a submission."""

    def __init__(self, sandbox: Sandbox, folder: Path, scratch: Path) -> None:
        self._sandbox, self._folder, self._scratch = sandbox, folder, scratch

    def zipped(self, name: str, tree: Tree) -> Path:
        path = self._folder / f"{name}.zip"
        path.write_bytes(zip_of(tree))
        return path

    async def __call__(
        self, submission: Tree, *, wrapped: str = "", history: bool = False, **parts: Tree
    ) -> LocalResult:
        def inside(tree: Tree) -> Tree:
            return {wrapped + name: content for name, content in tree.items()}

        programs = {name: inside(tree) if name.endswith("program") else tree for name, tree in parts.items()}
        given: dict[str, Any] = {name: self.zipped(name, tree) for name, tree in programs.items()}
        return await run_task(
            LocalTask(**given, history=history),
            self.zipped("submission", inside(submission)),
            self._sandbox,
            results=self._folder / "results",
            scratch=self._scratch,
        )


@pytest.fixture
def run(sandbox: Sandbox, tmp_path: Path, work_folder: Path) -> Runner:
    return Runner(sandbox, tmp_path, work_folder)


@pytest.mark.parametrize("wrapped", ["", "bundle/"])
async def test_a_program_of_codalab_with_windows_line_ends_scores_results(run: Runner, wrapped: str) -> None:
    result = await run({"answer.txt": "yellow"}, wrapped=wrapped, scoring_program=OLD_SCORER, reference_data=REFERENCE)
    assert result.failure is None
    assert result.scores["correct"].value == 1


async def test_a_submission_with_its_own_command_is_run_and_its_output_scored(run: Runner) -> None:
    submission: Tree = {
        "metadata": "command: python $program/say.py $input $output",
        "say.py": "import sys\nopen(sys.argv[2] + '/answer.txt', 'w').write(open(sys.argv[1] + '/hint').read())\n",
    }
    result = await run(submission, scoring_program=OLD_SCORER, reference_data=REFERENCE, input_data={"hint": "yellow"})
    assert result.failure is None
    assert result.scores["correct"].value == 1


async def test_the_variables_of_version_1_8_stand_for_their_folders(run: Runner) -> None:
    ingestion: Tree = {
        "metadata": (
            "command: python3 $ingestion_program/i.py --data=$input --to=$predictions --code=$submission_program"
            " --tmp=$tmp"
        ),
        "i.py": (
            "import sys\n"
            "given = dict(word[2:].split('=') for word in sys.argv[1:])\n"
            "assert given['to'] == given['tmp'] == '/app/output', given\n"
            "sys.path.insert(0, given['code'])\n"
            "import model\n"
            "open(given['to'] + '/answer.txt', 'w').write(model.answer(open(given['data'] + '/hint').read()))\n"
        ),
    }
    scorer: Tree = {
        "metadata": "command: python3 $program/s.py --truth=$hidden --given=$predictions --to=$output --shared=$shared",
        "s.py": (
            "import os, sys\n"
            "given = dict(word[2:].split('=') for word in sys.argv[1:])\n"
            "assert os.path.isdir(given['shared'])\n"
            "right = open(given['truth'] + '/truth.txt').read() == open(given['given'] + '/answer.txt').read()\n"
            "open(given['to'] + '/scores.txt', 'w').write('correct: %d' % right)\n"
        ),
    }
    result = await run(
        {"metadata": "", "model.py": "answer = str.lower"},
        scoring_program=scorer,
        ingestion_program=ingestion,
        reference_data=REFERENCE,
        input_data={"hint": "YELLOW"},
    )
    assert result.failure is None
    assert result.scores["correct"].value == 1


async def test_absolute_paths_and_dataset_submissions_work(run: Runner) -> None:
    ingestion: Tree = {
        "metadata": (
            "command: python3 /app/program/i.py --dataset_dir=/app/ingested_program --code_dir=/app/input_data/\r\n"
        ),
        "i.py": (
            "import sys\n"
            "given = dict(word[2:].split('=') for word in sys.argv[1:])\n"
            "sys.path.insert(0, given['code_dir'])\n"
            "import method\n"
            "open('/app/output/answer.txt', 'w').write(method.run(open(given['dataset_dir'] + '/data.csv').read()))\n"
            "open('/app/ingested_program/lock', 'w').write('')\n"
        ),
    }
    result = await run(
        {"data.csv": "yellow"},
        scoring_program=OLD_SCORER,
        ingestion_program=ingestion,
        reference_data=REFERENCE,
        input_data={"method.py": "run = str.strip"},
    )
    assert result.failure is None
    assert result.scores["correct"].value == 1


async def test_both_names_of_python_are_there(run: Runner) -> None:
    scorer = {
        "metadata": "command: python $program/s.py",
        "s.py": (
            "import subprocess\n"
            "same = [subprocess.call([name, '-c', '']) for name in ('python', 'python3')]\n"
            "open('/app/output/scores.txt', 'w').write('failed: %d' % sum(same))\n"
        ),
    }
    result = await run({"a": "b"}, scoring_program=scorer)
    assert result.scores["failed"].value == 0


async def test_a_scoring_program_of_python_2_is_named_as_such(run: Runner) -> None:
    scorer = {
        "metadata": "command: python $program/evaluate.py $input $output",
        "evaluate.py": 'import sys\nif True:\n    print "%s doesn\'t exist" % sys.argv[1]\n',
    }
    result = await run({"answer.txt": "yellow"}, scoring_program=scorer)
    assert result.failure is not None
    assert result.failure.cause is Cause.SCORER_FAILED
    assert "evaluate.py, line 3, is written for Python 2" in result.failure.message


async def test_a_scoring_program_that_fails_otherwise_is_not_called_old(run: Runner) -> None:
    scorer = {"metadata": "command: python s.py", "s.py": "import sys\nprint('no'); sys.exit(3)\n"}
    result = await run({"answer.txt": "yellow"}, scoring_program=scorer)
    assert result.failure is not None
    assert "Python 2" not in result.failure.message


HISTORY_SCORER: Tree = {
    "metadata": "command: python3 $program/s.py $input $output",
    "s.py": (
        "import os, sys\n"
        "given, output = sys.argv[1:]\n"
        "facts = dict(line.split(': ', 1) for line in open(given + '/metadata').read().splitlines())\n"
        "scores = []\n"
        "for top, _, files in os.walk(given + '/history'):\n"
        "    if 'scores.txt' in files:\n"
        "        scores.append(float(open(top + '/scores.txt').readline().split(':')[1]))\n"
        "listed = open(given + '/history/history.txt').read().splitlines()\n"
        "os.mkdir(output + '/private')\n"
        "open(output + '/private/priv.txt', 'w').write('for organizers')\n"
        "print(facts['submitted-by'], facts['automatic-submission'], listed)\n"
        "open(output + '/scores.txt', 'w').write('mean:%s\\nnumber:%s\\n' % (sum(scores + [1.0]) / (len(scores) + 1),\n"
        "    facts['competition-submission']))\n"
    ),
}


@pytest.mark.usefixtures("worker")
async def test_a_scoring_program_reads_who_submitted_and_what_they_got_before(platform: Platform) -> None:
    provenance = Provenance(
        submitted_by="pat",
        submitted_at="2026-01-02T03:04:05+00:00",
        number=3,
        phase=1,
        history=[
            EarlierScores(phase=0, number=1, scores={"correct": "0.0"}),
            EarlierScores(phase=1, number=2, scores={"correct": "0.5", "other": "2"}),
        ],
    )
    row = await platform.send(
        Step.SCORING,
        program=HISTORY_SCORER,
        results={"answer.txt": "42"},
        results_are_submission=True,
        columns=["mean", "number"],
        provenance=provenance,
    )
    outcome = await platform.finished(row)
    assert outcome.failure is None
    assert {key: score.value for key, score in outcome.scores.items()} == {"mean": 0.5, "number": 3}
    assert row.output == "\"pat\" false ['000/001/output', '001/002/output']\n"
    assert set(platform.output_files(row)) == {"scores.txt", "metadata"}, "what is private goes apart"


async def test_a_local_run_is_a_first_submission(run: Runner) -> None:
    result = await run({"answer.txt": "42"}, scoring_program=HISTORY_SCORER, history=True)
    assert result.failure is None
    assert {key: score.value for key, score in result.scores.items()} == {"mean": 1, "number": 1}


async def test_nothing_is_told_where_nobody_asks(run: Runner) -> None:
    scorer = {
        "metadata": "command: python3 s.py",
        "s.py": (
            "import os\n"
            "told = os.path.exists('/app/input/history') or os.path.exists('/app/input/metadata')\n"
            "open('/app/output/scores.txt', 'w').write('told: %d' % told)\n"
        ),
    }
    result = await run({"answer.txt": "42"}, scoring_program=scorer)
    assert result.scores["told"].value == 0


PRIVATE = "import os; os.mkdir('/app/output/private'); open('/app/output/private/x', 'w').write('1')\n"


@pytest.mark.parametrize(
    ("then", "cause"),
    [
        ("open('/app/output/scores.txt', 'w').write('a: 1')", None),
        ("raise SystemExit(1)", Cause.SCORER_FAILED),
        ("open('/app/output/scores.txt', 'w').write('a: nan')", Cause.BAD_SCORES),
        ("", Cause.MISSING_OUTPUT),
    ],
)
async def test_what_is_written_for_organizers_goes_apart_however_scoring_ends(
    run: Runner, then: str, cause: Cause | None
) -> None:
    result = await run(
        {"answer.txt": "42"}, scoring_program={"metadata": "command: python3 s.py", "s.py": PRIVATE + then}
    )
    assert (result.failure and result.failure.cause) is cause
    assert result.scoring_output is not None
    assert result.private_output is not None
    assert files_of(result.private_output.read_bytes()) == {"x": "1"}
    assert not [name for name in files_of(result.scoring_output.read_bytes()) if "private" in name]


def test_a_name_cannot_add_a_line_to_the_metadata(tmp_path: Path) -> None:
    write_provenance(tmp_path, Provenance(submitted_by="a\nref: b", submitted_at="now", number=1, phase=0))
    assert 'submitted-by: "a\\nref: b"\n' in (tmp_path / "metadata").read_text()
