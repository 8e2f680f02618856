"""Shapes of CodaLab's examples and of the version 1.5 and 1.8 bundles that Codabench tests itself with."""

# ruff: noqa: E501 - lines of YAML as people write them

from __future__ import annotations

from typing import Final

from podium.protocol import Cause

from .building import (
    ADMINS,
    CODE,
    IMAGE,
    LEAK,
    LINKS,
    OLD_LOOK,
    OLD_SCORING,
    OTHER_TRUTH,
    PYTHON_2,
    QUESTION,
    RESULT,
    TRUTH,
    Sample,
    Shape,
    Tree,
    answers,
    crlf,
    inside,
    share,
    zipped,
)

OWN_COMMAND: Tree = {
    "metadata": "command: python $program/compute.py $input $output\ndescription: has a command of its own\n",
    "compute.py": "import sys\n"
    "rows = open(sys.argv[1] + '/question').read()\n"
    "open(sys.argv[2] + '/answer', 'w').write(rows)\n",
}
OLD_INGESTION: Tree = {
    "metadata": "command: python $ingestion_program/ingestion.py $input $output $ingestion_program $submission_program\n",
    "ingestion.py": "import sys\nopen(sys.argv[3] + '/seen', 'w').close()\n"
    + answers("sys.argv[1]", "sys.argv[4]", "sys.argv[2]"),
}

_PI = """\
---
title: Compute Pi
description: Three phases
image: logo.jpg
has_registration: False
end_date:
admin_names: guyon
html:
    overview: overview.html
    evaluation: overview.html
    terms: terms.html
phases:
    1:
        phasenumber: 1
        label: "Development"
        start_date: 2013-03-01
        max_submissions: 100
        scoring_program: program.zip
        reference_data: reference.zip
        input_data: input.zip
    2:
        phasenumber: 2
        label: "Validation"
        start_date: 2013-06-30
        scoring_program: program.zip
        reference_data: reference.zip
    3:
        phasenumber: 3
        label: "Final"
        start_date: 2014-01-01
        scoring_program: program.zip
        reference_data: reference.zip
leaderboard:
    leaderboards:
        RESULTS: &RESULTS
            label: Results
            rank: 1
    columns:
        correct:
            leaderboard: *RESULTS
            label: Share
            rank: 1
"""
_PI_PHASES = [
    "Development: 2013-03-01 00:00 to 2013-06-30 00:00, Development Task -> RESULTS",
    "Validation: 2013-06-30 00:00 to 2014-01-01 00:00, Validation Task -> RESULTS",
    "Final: 2014-01-01 00:00 to open, Final Task -> RESULTS",
]
_PI_FILES: Tree = {
    **OLD_LOOK,
    "input.zip": zipped(QUESTION),
    "reference.zip": zipped({**TRUTH, "more.zip": zipped({"inner": "x"})}),
    "program.zip": zipped(crlf(OLD_SCORING)),
}
COMPUTE_PI: Final = Shape(
    like="Compute_pi with its programs brought to Python 3: submissions with commands, three phases, no end",
    faults=[f"7:14 warning {ADMINS}"],
    yaml=_PI,
    files=_PI_FILES,
    phases=_PI_PHASES,
    columns=["correct desc"],
    facts={"registration_auto_approve": True, "history": True, "docker_image": "codalab/codalab-legacy:py37"},
    samples={
        "its own command": Sample(files=OWN_COMMAND, scores={"correct": 1}),
        "its own command, where there is no input": Sample(
            files=OWN_COMMAND, phase=1, cause=Cause.EXIT_CODE, words="exit code 1"
        ),
        "results": Sample(files=RESULT, phase=2, scores={"correct": 0.75}),
    },
)
COMPUTE_PI_PYTHON_2: Final = Shape(
    like="Compute_pi, hello_world: a scoring program of Python 2",
    faults=[
        f"7:14 warning {ADMINS}",
        f"18:26 warning program.zip/evaluate.py, line 3, is written for Python 2, {IMAGE}",
        f"25:26 warning program.zip/evaluate.py, line 3, is written for Python 2, {IMAGE}",
        f"31:26 warning program.zip/evaluate.py, line 3, is written for Python 2, {IMAGE}",
    ],
    yaml=_PI,
    files={**_PI_FILES, "program.zip": zipped(PYTHON_2)},
    phases=_PI_PHASES,
    columns=["correct desc"],
    samples={"its own command": Sample(files=OWN_COMMAND, cause=Cause.SCORER_FAILED, words="is written for Python 2")},
)

GPU: Final = Shape(
    like="GPU_test: the scoring program starts a command that may not be there",
    yaml="""\
title: GPU test
image: logo.jpg
competition_docker_image: codalab/codalab-legacy:gpu
html: {overview: overview.html, terms: terms.html}
phases:
    0: {phasenumber: 0, label: GPU, start_date: 2020-01-01, scoring_program: program.zip, execution_time_limit: 0}
leaderboard:
    leaderboards: {Results: &RESULTS {label: Results, rank: 1}}
    columns: {gpu_available: {leaderboard: *RESULTS, label: Available, rank: 1, numeric_format: 0}}
""",
    files={
        **OLD_LOOK,
        "program.zip": zipped(
            {
                "metadata": "command: python $program/evaluate.py $input $output\n",
                "evaluate.py": "import subprocess, sys\n"
                "try:\n    subprocess.call(['nvidia-smi'])\nexcept OSError as error:\n    print(error)\n"
                "text = open(sys.argv[1] + '/res/gpu').read()\n"
                "open(sys.argv[2] + '/scores.txt', 'w').write('gpu_available: ' + text)\n",
            }
        ),
    },
    phases=["GPU: 2020-01-01 00:00 to open, GPU Task -> Results"],
    columns=["gpu_available desc"],
    facts={"docker_image": "codalab/codalab-legacy:gpu", "registration_auto_approve": False},
    samples={
        "its own command": Sample(
            files={
                "metadata": "command: python $program/look.py $output\n",
                "look.py": "import sys\nopen(sys.argv[1] + '/gpu', 'w').write('False')\n",
            },
            scores={"gpu_available": 0},
        )
    },
)

IRIS: Final = Shape(
    like="Iris, competition_15_iris, iris3: zips in a zip, dates with zones, keys that only CodaLab knows",
    faults=[f"38:5 warning {LINKS}"],
    yaml="""\
title: Iris challenge
description: Flowers
image: logo.jpg
has_registration: True
force_submission_to_leaderboard: True
disallow_leaderboard_modifying: True
enable_per_submission_metadata: False
enable_medical_image_viewer: False
allow_teams: False
enable_detailed_results: True
show_datasets_from_yaml: True
anonymous_leaderboard: False
require_team_approval: False
competition_docker_image: codalab/codalab-legacy:py37
end_date: 2030-06-30 22:00:00+00:00
html:
  overview: overview.html
  data: overview.html
  terms: terms.html
phases:
  1:
    phasenumber: 1
    label: Development
    description: Tune it
    color: green
    start_date: 2019-04-01 12:30:00+02:00
    is_scoring_only: False
    execution_time_limit: 500
    max_submissions_per_day: 5
    max_submissions: 100
    hide_prediction_output: True
    ingestion_program: ingestion_program.zip
    scoring_program: scoring_program.zip
    input_data: input_data.zip
    reference_data: reference_1.zip
    public_data: public_data.zip
    starting_kit: starting_kit.zip
    datasets:
      1: {name: Raw data, url: "http://example.org/raw.zip", description: the flowers}
  2:
    phasenumber: 2
    label: Final
    start_date: 2029-04-30 23:59:00+00:00
    auto_migration: True
    max_submissions: 1
    ingestion_program: ingestion_program.zip
    scoring_program: scoring_program.zip
    input_data: input_data.zip
    reference_data: reference_2.zip
leaderboard:
  leaderboards:
    RESULTS: &RESULTS
      label: RESULTS
      rank: 1
  columns:
    set1_score:
      leaderboard: *RESULTS
      label: Prediction score
      numeric_format: 4
      rank: 1
    Duration:
      leaderboard: *RESULTS
      label: Duration
      numeric_format: 2
      sort: asc
      rank: 2
""",
    files={
        **OLD_LOOK,
        "ingestion_program.zip": zipped(OLD_INGESTION),
        "input_data.zip": zipped(QUESTION),
        "reference_1.zip": zipped(TRUTH),
        "reference_2.zip": zipped(OTHER_TRUTH),
        "public_data.zip": zipped(QUESTION),
        "starting_kit.zip": zipped({"readme.html": "<p>Begin here.</p>"}),
        "scoring_program.zip": zipped(
            {
                "metadata": "command: python $program/score.py $input $output\n",
                "score.py": "import sys\n"
                + share("sys.argv[1] + '/ref'", "sys.argv[1] + '/res'")
                + "said = open(sys.argv[1] + '/res/metadata').read()\n"
                "assert 'elapsedTime: ' in said\n"
                "out = open(sys.argv[2] + '/scores.txt', 'w')\n"
                "out.write('set1_score: %0.12f\\nDuration: 1.25\\n' % share)\n"
                "open(sys.argv[2] + '/scores.html', 'w').write('<pre>%s</pre>' % share)\n",
            }
        ),
    },
    phases=[
        "Development: 2019-04-01 10:30 to 2029-04-30 23:59, Development Task -> RESULTS",
        "Final: 2029-04-30 23:59 to 2030-06-30 22:00, Final Task -> RESULTS",
    ],
    columns=["set1_score desc", "Duration asc"],
    facts={"registration_auto_approve": False, "enable_detailed_results": True},
    samples={
        "code": Sample(files=CODE, scores={"set1_score": 1, "Duration": 1.25}, report="<pre>1.0</pre>"),
        "results": Sample(files=RESULT, scores={"set1_score": 0.75, "Duration": 1.25}),
        "code that does not fit": Sample(
            files={**CODE, "model.py": "def save(): pass\n"}, cause=Cause.EXIT_CODE, words="The ingestion program"
        ),
    },
)

_YELLOW = """\
title: Yellow World
image: logo.jpg
html: {overview: overview.html, terms: terms.html}
phases:
  1: {phasenumber: 1, label: First, start_date: 2013-06-30, scoring_program: program.zip, reference_data: reference.zip}
leaderboard:
  leaderboards: {RESULTS: &RESULTS {label: Results, rank: 1}}
  columns: {correct: {leaderboard: *RESULTS, label: Correct, rank: 1}}
"""
_YELLOW_FILES: Tree = {
    **OLD_LOOK,
    "reference.zip": zipped(TRUTH),
    "program.zip": zipped(
        {
            **OLD_SCORING,
            "evaluate.py": str(OLD_SCORING["evaluate.py"]).replace(
                "correct:%s\\n' % share", "correct:%d' % (share > 0.5)"
            ),
        }
    ),
}
_YELLOW_PHASES = ["First: 2013-06-30 00:00 to open, First Task -> RESULTS"]
YELLOW_WORLD: Final = Shape(
    like="Yellow_world, hello_world: results, and a score without a blank behind the colon",
    yaml=_YELLOW,
    files=_YELLOW_FILES,
    phases=_YELLOW_PHASES,
    columns=["correct desc"],
    samples={
        "results": Sample(files=RESULT, scores={"correct": 1}),
        "wrong results": Sample(files={"answer": "1 0 0 1"}, scores={"correct": 0}),
        "results in a folder": Sample(files=inside("my results", RESULT), scores={"correct": 1}),
    },
)
YELLOW_WORLD_INGESTION: Final = Shape(
    like="Yellow_world with its other ingestion program, whose command has every variable",
    yaml=_YELLOW.replace(
        "scoring_program:", "input_data: input.zip, ingestion_program: ingestion.zip, scoring_program:"
    ),
    files={
        **_YELLOW_FILES,
        "input.zip": zipped(QUESTION),
        "ingestion.zip": zipped(
            {
                "metadata": "command: python $program/i.py program=$program input=$input output=$output"
                " ingestion_program=$ingestion_program submission_program=$submission_program"
                " predictions=$predictions tmp=$tmp shared=$shared hidden=$hidden\n",
                "i.py": "import os, sys\n"
                "given = dict(word.split('=') for word in sys.argv[1:])\n"
                "assert os.path.samefile(given['program'], given['ingestion_program']), given\n"
                "assert given['output'] == given['predictions'] == given['tmp'], given\n"
                "assert not os.path.exists(given['hidden']), 'the truth is no business of ingestion'\n"
                + answers("given['input']", "given['submission_program']", "given['output']"),
            }
        ),
    },
    phases=_YELLOW_PHASES,
    columns=["correct desc"],
    samples={"code": Sample(files=CODE, scores={"correct": 1})},
)

# The scoring program of the folder has a tab among blanks, which Python 3 does not read; the zip beside it is unused.
_TABS = str(OLD_SCORING["evaluate.py"]).replace("share =", "if answered:\n        pass\n\tpass\nshare =")
SERIES: Final = Shape(
    like="competition_15: members twice in the zip, a program as a folder and as a zip, a tab among blanks, data whose"
    " file metadata is data, and which is input and reference in one",
    faults=[
        f"8:62 warning scoring_program/evaluate.py, line 6, is written for Python 2, {IMAGE}",
        f"9:23 warning {LEAK}",
        f"10:100 warning scoring_program/evaluate.py, line 6, is written for Python 2, {IMAGE}",
        f"11:83 warning {LEAK}",
    ],
    yaml="""\
title: Time series
image: logo.jpg
enable_forum: False
end_date: 2027-12-31
html: {overview: overview.html, terms: terms.html}
phases:
  1: {phasenumber: 1, label: Development, start_date: 2020-01-01, force_best_submission_to_leaderboard: True,
      ingestion_program: ingestion_program, scoring_program: scoring_program, input_data: data.zip,
      reference_data: data.zip}
  2: {phasenumber: 2, label: Final, start_date: 2027-01-01, auto_migration: True, scoring_program: scoring_program,
      ingestion_program: ingestion_program, input_data: data.zip, reference_data: data.zip}
leaderboard:
  leaderboards: {RESULTS: &RESULTS {label: RESULTS, rank: 1}}
  columns: {correct: {leaderboard: *RESULTS, label: Share, rank: 1}}
""",
    before={"overview.html": "old", "scoring_program/evaluate.py": "print('old')"},
    files=OLD_LOOK
    | {
        "data.zip": zipped({**QUESTION, **TRUTH, "metadata": "names: of the series"}),
        "scoring_program.zip": zipped(OLD_SCORING),
    }
    | inside(
        "ingestion_program",
        {**OLD_INGESTION, "metadata": str(OLD_INGESTION["metadata"]).replace("python ", "python3 ")},
    )
    | inside("scoring_program", {**OLD_SCORING, "evaluate.py": _TABS}),
    phases=[
        "Development: 2020-01-01 00:00 to 2027-01-01 00:00, Development Task -> RESULTS",
        "Final: 2027-01-01 00:00 to 2027-12-31 00:00, Final Task -> RESULTS",
    ],
    columns=["correct desc"],
    facts={"forum_enabled": False},
    samples={"code": Sample(files=CODE, cause=Cause.SCORER_FAILED, words="is written for Python 2")},
)

PARALLEL: Final = Shape(
    like="competition_18: parallel phases, variables of version 1.8, backups of editors, a parent without a program",
    faults=[f"3:14 warning {ADMINS}"],
    yaml="""\
title: Weak labels
image: logo.jpg
admin_names: one,two,
competition_docker_image: vergilgxw/autotable:v2
html: {overview: overview.html, terms: terms.html}
phases:
  1: {phasenumber: 1, label: Both, start_date: 2020-02-02, is_parallel_parent: True, scoring_program: gone.zip}
  2: {phasenumber: 2, parent_phasenumber: 1, label: Left, start_date: 2020-02-02, scoring_program: scoring.zip,
      ingestion_program: ingestion.zip, input_data: input.zip, reference_data: left.zip}
  3: {phasenumber: 3, parent_phasenumber: 1, label: Right, start_date: 2020-02-02, scoring_program: scoring.zip,
      ingestion_program: ingestion.zip, input_data: input.zip, reference_data: right.zip}
leaderboard:
  leaderboards: {RESULTS: &RESULTS {label: RESULTS, rank: 1}}
  columns: {correct: {leaderboard: *RESULTS, label: Share, rank: 1}}
""",
    files={
        **OLD_LOOK,
        "input.zip": zipped(QUESTION),
        "left.zip": zipped(TRUTH),
        "right.zip": zipped(OTHER_TRUTH),
        "ingestion.zip": zipped(
            {
                "metadata": "command: python3 $ingestion_program/i.py $input $submission_program $predictions\n",
                "metadata~": "command: gone\n",
                "i.py": "import sys\n" + answers("sys.argv[1]", "sys.argv[2]", "sys.argv[3]"),
            }
        ),
        "scoring.zip": zipped(
            {
                "metadata": "command: python3 $program/evaluate.py $hidden $predictions $output\n",
                "metadata~": "command: gone\n",
                "evaluate.py~": "print 'old'\n",
                "evaluate.py": "import sys\n"
                + share("sys.argv[1]", "sys.argv[2]")
                + "open(sys.argv[3] + '/scores.txt', 'w').write('correct:%s\\n' % share)\n",
            }
        ),
    },
    phases=[
        "Left: 2020-02-02 00:00 to open, Left Task -> RESULTS",
        "Right: 2020-02-02 00:00 to open, Right Task -> RESULTS",
    ],
    columns=["correct desc"],
    facts={"docker_image": "vergilgxw/autotable:v2"},
    samples={
        "code, left": Sample(files=CODE, scores={"correct": 1}),
        "code, right": Sample(files=CODE, phase=1, scores={"correct": 0.75}),
    },
)

SHAPES: Final = {
    "compute-pi": COMPUTE_PI,
    "compute-pi-python-2": COMPUTE_PI_PYTHON_2,
    "old-gpu": GPU,
    "old-iris": IRIS,
    "yellow-world": YELLOW_WORLD,
    "yellow-world-ingestion": YELLOW_WORLD_INGESTION,
    "series": SERIES,
    "parallel": PARALLEL,
}
