"""Shapes of AutoWSL, an example of Codabench's with code to submit and, inverted, with data to submit."""

# ruff: noqa: E501 - what is said of a shape stands on one line

from __future__ import annotations

from typing import Final

from podium.protocol import Cause

from .building import CODE, LOOK, PUT, QUESTION, TRUTH, Sample, Shape, Tree, answers, crlf, share, zipped

_AUTOWSL = """\
version: 2
title: AutoWSL
description: Learn from weak labels
image: logo.png
terms: terms.md
docker_image: vergilgxw/autotable:v2
enable_detailed_results: True
pages:
  - {title: Overview, file: overview.md}
tasks:
  - {index: 0, name: One, input_data: input_1.zip, reference_data: ref_1.zip,
     ingestion_program: ingestion.zip, scoring_program: scoring.zip}
  - {index: 1, name: Two, input_data: input_1.zip, reference_data: ref_2.zip,
     ingestion_program: ingestion.zip, scoring_program: scoring.zip}
  - {index: 2, name: Three, input_data: input_1.zip, reference_data: ref_1.zip,
     ingestion_program: ingestion.zip, scoring_program: scoring.zip}
phases:
  - name: First
    start: 2024-02-03 04:05:06
    tasks: [0, 1, 2]
    execution_time_limit: 1200
leaderboard:
  - title: Results
    key: results
    columns:
      - {title: Accuracy, key: accuracy, index: 0, sorting: desc}
      - {title: Duration, key: duration, index: 1, sorting: asc}
"""
# A report that reloads itself, scores as lines, and files beside the results that are scored.
_AUTOWSL_SCORING = crlf(
    {
        "metadata": "command: python3 /app/program/score.py --solution_dir=/app/input/ref"
        " --prediction_dir=/app/input/res --score_dir=/app/output\n",
        "score.py": "import sys\n"
        "given = dict(word[2:].split('=') for word in sys.argv[1:])\n"
        + share("given['solution_dir']", "given['prediction_dir']")
        + "start = float(open(given['prediction_dir'] + '/start.txt').read())\n"
        "open(given['prediction_dir'] + '/start.txt.lock', 'w').close()\n"
        'page = \'<html><head><meta http-equiv="refresh" content="5"></head><body>%s</body></html>\' % share\n'
        "open(given['score_dir'] + '/detailed_results.html', 'w').write(page)\n"
        "open(given['score_dir'] + '/scores.txt', 'w').write('accuracy: %s\\nduration: %s\\n' % (share, start))\n",
    }
)
_AUTOWSL_INGESTION = crlf(
    {
        "metadata": "command: python3 /app/program/ingestion.py --dataset_dir=/app/input_data"
        " --code_dir=/app/ingested_program\n",
        "ingestion.py": "import sys\n"
        "given = dict(word[2:].split('=') for word in sys.argv[1:])\n"
        + answers("given['dataset_dir']", "given['code_dir']", "'/app/output'")
        + "open('/app/input_data/cache', 'w').close()\n"
        "open('/app/output/start.txt', 'w').write('1.5')\n",
    }
)
_AUTOWSL_PARTS: Tree = {
    "input_1.zip": zipped(QUESTION),
    "ingestion.zip": zipped({**_AUTOWSL_INGESTION, "__MACOSX/._ingestion.py": b"\0"}),
    "scoring.zip": zipped(_AUTOWSL_SCORING),
}
_AUTOWSL_PHASES = ["First: 2024-02-03 04:05:06 to open, One + Two + Three -> results"]
_AUTOWSL_COLUMNS = ["accuracy desc", "duration asc"]

AUTOWSL: Final = Shape(
    like="AutoWSL: three tasks in a phase without end and index, absolute paths, scores as lines, a file metadata",
    yaml=_AUTOWSL,
    files={
        **LOOK,
        **_AUTOWSL_PARTS,
        "ref_1.zip": zipped(TRUTH),
        "ref_2.zip": zipped(TRUTH),
        "__MACOSX/._logo.png": b"\0",
    },
    phases=_AUTOWSL_PHASES,
    columns=_AUTOWSL_COLUMNS,
    facts={"enable_detailed_results": True, "docker_image": "vergilgxw/autotable:v2"},
    samples={
        "code": Sample(files=CODE, scores={"accuracy": 1, "duration": 1.5}, report='http-equiv="refresh"'),
        "code without the model": Sample(
            files={"metadata": "description: empty\n"}, cause=Cause.EXIT_CODE, words="The ingestion program ended"
        ),
    },
)
AUTOWSL_WITHOUT_DATA: Final = Shape(
    like="AutoWSL as a folder: the zips of the reference data are not in it",
    faults=[
        f'11:68 error Unable to find reference data: "ref_1.zip" is not in the bundle. Did you mean "input_1.zip"? If not, {PUT}',
        f'13:68 error Unable to find reference data: "ref_2.zip" is not in the bundle. {PUT.capitalize()}',
        f'15:70 error Unable to find reference data: "ref_1.zip" is not in the bundle. Did you mean "input_1.zip"? If not, {PUT}',
    ],
    yaml=_AUTOWSL,
    files={**LOOK, **_AUTOWSL_PARTS},
)
AUTOWSL_DATASETS: Final = Shape(
    like="AutoWSL, inverted: data is submitted, the organizers' code lies in input_data; three tasks are the same",
    yaml=_AUTOWSL.replace("input_1.zip", "methods.zip").replace("ref_2", "ref_1").replace("AutoWSL", "Data"),
    files={
        **LOOK,
        **_AUTOWSL_PARTS,
        "methods.zip": zipped({"model.py": CODE["model.py"]}),
        "ref_1.zip": zipped(TRUTH),
        "ingestion.zip": zipped(
            {
                **_AUTOWSL_INGESTION,
                "metadata": "command: python3 /app/program/ingestion.py --dataset_dir=/app/ingested_program"
                " --code_dir=/app/input_data/\r\n",
            }
        ),
    },
    phases=_AUTOWSL_PHASES,
    columns=_AUTOWSL_COLUMNS,
    samples={
        "a dataset": Sample(files=QUESTION, scores={"accuracy": 1, "duration": 1.5}),
        "a worse dataset": Sample(files={"question": "1 1 1 0"}, scores={"accuracy": 0.75, "duration": 1.5}),
    },
)

SHAPES: Final = {
    "autowsl": AUTOWSL,
    "autowsl-without-data": AUTOWSL_WITHOUT_DATA,
    "autowsl-datasets": AUTOWSL_DATASETS,
}
