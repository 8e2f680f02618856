"""Shapes of the examples that Codabench publishes: version 2."""

# ruff: noqa: E501 - lines of YAML as people write them

from __future__ import annotations

from typing import Final

from podium.protocol import Cause

from .building import (
    CODE,
    INGESTION,
    LEAK,
    LOOK,
    OTHER_TRUTH,
    OVER,
    QUESTION,
    RESULT,
    SCORING,
    TRUTH,
    Sample,
    Shape,
    Tree,
    answers,
    crlf,
    inside,
    png,
    share,
    zipped,
)

JUNK: Tree = {"__MACOSX/._answer": b"\0\5\26\7", ".DS_Store": b"\0\0\0\1Bud1"}

_MINI_MNIST = """\
version: 2
title: Mini MNIST
description: Digits of two kinds
image: logo.png
terms: terms.md
registration_auto_approve: true
docker_image: codalab/codalab-legacy:py312
pages:
- title: Overview
  file: overview.md
tasks:
- index: 0
  name: Digits
  input_data: input_data
  reference_data: reference_data
  ingestion_program: ingestion_program
  scoring_program: scoring_program
phases:
- index: 0
  name: Development
  start: 2024-01-01
  end: 2098-01-01
  tasks: [0]
leaderboards:
- title: Results
  key: main
  submission_rule: Force_Latest_Multiple
  columns:
  - title: Score
    key: score
    index: 0"""

_WITH_FLAG = (
    "import argparse\n"
    "parser = argparse.ArgumentParser()\n"
    "parser.add_argument('--codabench', action='store_true')\n"
    "assert parser.parse_args().codabench\n"
)

MINI_MNIST: Final = Shape(
    like="Mini-MNIST: Windows line ends, no line end at the end, columns without sorting, pictures in sub-folders",
    yaml=_MINI_MNIST.replace("\n", "\r\n"),
    files=LOOK
    | inside("input_data", {**QUESTION, "train/0/a.png": png(), "train/1/b.png": png()})
    | inside("reference_data", TRUTH)
    | inside(
        "ingestion_program",
        crlf(
            {
                "metadata.yaml": "command: python3 run_ingestion.py --codabench\n",
                "run_ingestion.py": _WITH_FLAG
                + "import glob\nassert len(glob.glob('/app/input_data/train/*/*.png')) == 2\n"
                + str(INGESTION["ingestion.py"]),
            }
        ),
    )
    | inside(
        "scoring_program",
        crlf(
            {
                "metadata.yaml": "command: python3 run_scoring.py --codabench\n",
                "run_scoring.py": _WITH_FLAG + str(SCORING["scoring.py"]).replace("accuracy", "score"),
            }
        ),
    ),
    phases=["Development: 2024-01-01 00:00 to 2098-01-01 00:00, Digits -> main"],
    columns=["score desc"],
    facts={"registration_auto_approve": True, "docker_image": "codalab/codalab-legacy:py312"},
    samples={
        "code": Sample(files={**CODE, **JUNK}, scores={"score": 1}),
        "results, at which ingestion fails": Sample(files={**RESULT, **JUNK}, scores={"score": 0.75}),
    },
)

GPU: Final = Shape(
    like="example_GPU: no data at all, a score that is true or false, files whose names differ by case only",
    yaml="""\
version: 2
title: Is there a GPU?
image: logo.png
terms: terms.md
docker_image: codalab/codalab-legacy:gpu310
enable_detailed_results: False
pages: [{title: Overview, file: overview.md}]
tasks:
  - {index: 0, name: Look, ingestion_program: ingestion_program, scoring_program: scoring_program}
phases:
  - {index: 0, name: Open, start: 2024-01-01, tasks: [0]}
leaderboards:
  - title: Results
    key: main
    columns: [{title: GPU, key: gpu_detected, index: 0, sorting: desc}]
""",
    files=LOOK
    | {"README.md": "# Read me\n", "readme.md": "# read me\n"}
    | inside(
        "ingestion_program",
        {
            "metadata.yaml": "command: python3 run_ingestion.py --codabench\n",
            "run_ingestion.py": _WITH_FLAG + "open('/app/output/detected', 'w').write('false')\n",
        },
    )
    | inside(
        "scoring_program",
        {
            "metadata.yaml": "command: python3 run_scoring.py --codabench\n",
            "run_scoring.py": _WITH_FLAG
            + "text = open('/app/input/res/detected').read()\n"
            + "open('/app/output/scores.json', 'w').write('{\"gpu_detected\": %s}' % text)\n",
        },
    ),
    phases=["Open: 2024-01-01 00:00 to open, Look -> main"],
    columns=["gpu_detected desc"],
    facts={"enable_detailed_results": False},
    samples={"a text": Sample(files={"example.txt": "Nothing.\n"}, scores={"gpu_detected": 0})},
)

IRIS: Final = Shape(
    like="iris in version 2 with programs of CodaLab's: duration by the platform's metadata, scores.html, rubbish",
    yaml="""\
version: 2
title: Iris
image: logo.png
terms: terms.md
docker_image: codalab/codalab-legacy:py312
pages: [{title: Overview, file: overview.md}]
tasks:
- index: 0
  name: Development Task
  is_public: false
  input_data: input.zip
  reference_data: reference.zip
  ingestion_program: ingestion_program.zip
  scoring_program: scoring_program.zip
- index: 1
  name: Final Task
  is_public: false
  input_data: input.zip
  reference_data: final.zip
  ingestion_program: ingestion_program.zip
  scoring_program: scoring_program.zip
solutions: []
phases:
- {index: 0, name: Development, start: 2024-01-01, end: 2024-06-30 23:59:59, tasks: [0]}
- {index: 1, name: Final, start: 2024-07-01, tasks: [1], max_submissions_per_day: 0, max_submissions: 3}
leaderboards:
- title: RESULTS
  key: RESULTS
  columns:
  - {title: Prediction score, key: set1_score, index: 0, sorting: desc, computation: null, precision: 2}
  - {title: Duration, key: Duration, index: 1, sorting: asc, computation: null, precision: 2}
""",
    files={
        **LOOK,
        ".DS_Store": b"\0",
        "input.zip": zipped(QUESTION),
        "reference.zip": zipped(TRUTH),
        "final.zip": zipped(OTHER_TRUTH),
        "ingestion_program.zip": zipped(
            crlf(
                {
                    "metadata": "command: python $ingestion_program/ingestion.py $input $output $ingestion_program"
                    " $submission_program\n",
                    "ingestion.py": "import sys\nopen(sys.argv[3] + '/seen', 'w').close()\n"
                    + answers("sys.argv[1]", "sys.argv[4]", "sys.argv[2]"),
                    "__pycache__/ingestion.pyc": b"\0",
                    ".DS_Store": b"\0",
                }
            )
        ),
        "scoring_program.zip": zipped(
            {
                "metadata": "command: python $program/score.py $input $output\n",
                "score.py": "import sys\n"
                + share("sys.argv[1] + '/ref'", "sys.argv[1] + '/res'")
                + "said = dict(line.split(': ') for line in open(sys.argv[1] + '/res/metadata').read().splitlines())\n"
                "spent = 7 if float(said['elapsedTime']) >= 0 else -1\n"
                "out = open(sys.argv[2] + '/scores.txt', 'w')\n"
                "out.write('set1_score: %0.12f\\nDuration: %0.6f\\n' % (share, spent))\n"
                "open(sys.argv[2] + '/scores.html', 'w').write('<pre>%s</pre>' % share)\n",
            }
        ),
    },
    phases=[
        "Development: 2024-01-01 00:00 to 2024-06-30 23:59:59, Development Task -> RESULTS",
        "Final: 2024-07-01 00:00 to open, Final Task -> RESULTS",
    ],
    columns=["set1_score desc", "Duration asc"],
    samples={
        "code": Sample(files=CODE, scores={"set1_score": 1, "Duration": 7}, report="<pre>1.0</pre>"),
        "results": Sample(files=RESULT, scores={"set1_score": 0.75, "Duration": 7}),
        "code, final": Sample(files=CODE, phase=1, scores={"set1_score": 0.75, "Duration": 7}),
    },
)

_AUTOML_YAML = """\
version: 2
title: Mini AutoML
image: logo.png
terms: terms.md
docker_image: codalab/codalab-legacy:py312
enable_detailed_results: true
pages: [{title: Overview, file: overview.md}]
solutions: []
tasks:
  - {index: 0, name: Development, input_data: input_data, reference_data: reference_data,
     ingestion_program: ingestion_program, scoring_program: scoring_program}
  - {index: 1, name: Final, input_data: input_data, reference_data: final_data,
     ingestion_program: ingestion_program, scoring_program: scoring_program}
solutions:
  - {index: 0, tasks: [0, 1], path: solution}
fact_sheet:
  method_name: {key: method_name, type: text, title: Name, selection: "", is_required: "false", is_on_leaderboard: "true"}
phases:
  - {index: 0, name: Development, start: 2024-01-01, end: 2024-02-01, tasks: [0], solutions: [],
     max_submissions: 0, max_submissions_per_day: 0, starting_kit: kits/python.zip}
  - {index: 1, name: Final, start: 2024-02-01, tasks: [1], solutions: [], max_submissions: 0, max_submissions_per_day: 0}
leaderboards:
  - title: Results
    key: main
    columns:
      - {title: Mean, key: mean, index: 0, computation: avg, computation_indexes: [1, 2]}
      - {title: A, key: a, index: 1}
      - {title: B, key: b, index: 2}
"""
MINI_AUTOML: Final = Shape(
    like="mini-automl: a key given twice, limits of 0, a computed column, a fact sheet, results that are appended to",
    faults=[
        '14:1 warning The key "solutions" is given twice (first in line 8); the last one counts. Remove one of them.'
    ],
    yaml=_AUTOML_YAML.replace("\n", "\r\n"),
    files=LOOK
    | inside("input_data", QUESTION)
    | inside("reference_data", TRUTH)
    | inside("final_data", OTHER_TRUTH)
    | inside("ingestion_program", INGESTION)
    | inside(
        "scoring_program",
        {
            "metadata.yaml": "command: python3 scoring.py\n",
            "scoring.py": "import json\n"
            + share("'/app/input/ref'", "'/app/input/res'")
            + "open('/app/output/scores.json', 'a').write(json.dumps({'a': share, 'b': share / 2}))\n"
            "for part in ('<h1>Results</h1>', '<p>%s</p>' % share):\n"
            "    open('/app/output/detailed_results.html', 'a').write(part)\n",
        },
    )
    | inside("solution", CODE)
    | {"kits/python.zip": zipped({"readme.txt": "Begin here.\n"})},
    phases=[
        "Development: 2024-01-01 00:00 to 2024-02-01 00:00, Development -> main",
        "Final: 2024-02-01 00:00 to open, Final -> main",
    ],
    columns=["mean desc = avg a b", "a desc", "b desc"],
    samples={
        "code": Sample(files=CODE, scores={"a": 1, "b": 0.5}, computed={"mean": 0.75}, report="<p>1.0</p>"),
        "code that no Python reads": Sample(
            files={**CODE, "model.py": "def answer(rows)\n"}, cause=Cause.EXIT_CODE, words="The ingestion program"
        ),
        "code, final": Sample(files=CODE, phase=1, scores={"a": 0.75, "b": 0.375}, computed={"mean": 0.5625}),
    },
)

SHORTEST_PATH: Final = Shape(
    like="shortest_path: input data that is the reference data as well, nested values beside the scores",
    faults=[f"8:63 warning {LEAK}"],
    yaml="""\
version: 2
title: Shortest path
image: logo.png
terms: terms.md
enable_detailed_results: true
pages: [{title: Overview, file: overview.md}]
tasks:
  - {index: 0, name: Dev, input_data: graphs, reference_data: graphs,
     ingestion_program: ingestion_program, scoring_program: scoring_program}
phases:
  - {index: 0, name: Development, start: 2024-01-01, end: "2024-06-01 12:00", tasks: [0], public_data: wheat}
  - {index: 1, name: Testing, start: 2024-06-01 12:00, tasks: [0], max_submissions: 1}
leaderboards:
  - title: Results
    key: main
    submission_rule: Force_Best
    columns:
      - {title: Cost, key: score, index: 0, sorting: asc}
      - {title: Time, key: duration, index: 1, sorting: asc}
""",
    files=LOOK
    | inside("graphs", QUESTION)
    | inside("wheat", {"wheat.csv": "1,2\n"})
    | inside("ingestion_program", INGESTION)
    | inside(
        "scoring_program",
        {
            "metadata.yaml": "command: python3 scoring.py\n",
            "scoring.py": "import base64, json\n"
            "costs = {row: int(row) for row in open('/app/input/res/answer').read().split()}\n"
            "json.dump({'score': sum(costs.values()), 'duration': 0.25, 'all_costs': costs},"
            " open('/app/output/scores.json', 'w'))\n"
            "data = base64.b64encode(b'picture').decode()\n"
            "page = '<img src=\"data:image/png;base64,%s\">' % data\n"
            "open('/app/output/detailed_results.html', 'w').write(page)\n",
        },
    ),
    phases=[
        "Development: 2024-01-01 00:00 to 2024-06-01 12:00, Dev -> main",
        "Testing: 2024-06-01 12:00 to open, Dev -> main",
    ],
    columns=["score asc", "duration asc"],
    samples={
        "the shortest": Sample(
            files=CODE, scores={"score": 1, "duration": 0.25}, report='<img src="data:image/png;base64,cGljdHVyZQ==">'
        ),
        "a longer one": Sample(
            files={**CODE, "model.py": "def answer(rows):\n    return ['7']\n"}, scores={"score": 7, "duration": 0.25}
        ),
    },
)

_WHEAT_TASKS = """\
tasks:
  - {index: 0, name: Development, input_data: input_data, reference_data: reference_data,
     ingestion_program: ingestion_program, scoring_program: scoring_program}
  - {index: 1, name: Final, input_data: input_data, reference_data: final_data,
     ingestion_program: ingestion_program, scoring_program: scoring_program}
"""
WHEAT_YAML = f"""\
version: 2
title: Wheat seeds
image: logo.png
terms: terms.md
docker_image: codalab/codalab-legacy:py312
pages: [{{title: Overview, file: overview.md}}]
{_WHEAT_TASKS}phases:
  - {{index: 0, name: Development, start: 8-7-2019, end: 12-31-2024, tasks: [0]}}
  - {{index: 1, name: Testing, start: 1-1-2025, tasks: [1]}}
leaderboards:
  - title: Results
    key: main
    columns:
      - {{title: Accuracy, key: accuracy, index: 0, sorting: desc}}
      - {{title: Duration, key: duration, index: 1, sorting: desc}}
"""
WHEAT_DATA: Tree = (
    LOOK
    | inside("input_data", QUESTION)
    | inside("reference_data", TRUTH)
    | inside("final_data", OTHER_TRUTH)
    | inside("scoring_program", SCORING)
)
WHEAT_PHASES = [
    "Development: 2019-08-07 00:00 to 2024-12-31 00:00, Development -> main",
    "Testing: 2025-01-01 00:00 to open, Final -> main",
]
MONTH_FIRST = (
    'warning start: "8-7-2019" is read as 2019-08-07 00:00 UTC, with the month first.'
    " Write the year first, so that nobody can read it as 2019-07-08."
)
WHEAT: Final = Shape(
    like="wheat_seeds, code: dates as month-day-year",
    faults=[f"13:42 {MONTH_FIRST}"],
    yaml=WHEAT_YAML,
    files=WHEAT_DATA | inside("ingestion_program", INGESTION),
    phases=WHEAT_PHASES,
    columns=["accuracy desc", "duration desc"],
    samples={
        "code": Sample(files=CODE, scores={"accuracy": 1, "duration": 0.5}),
        "code, testing": Sample(files=CODE, phase=1, scores={"accuracy": 0.75, "duration": 0.5}),
    },
)

_HAND_OVER = (
    "import os, time\n"
    "def put(name, text):\n"
    "    open('/app/shared/.part', 'w').write(text)\n"
    "    os.replace('/app/shared/.part', '/app/shared/' + name)\n"
    "def get(name):\n"
    "    while not os.path.exists('/app/shared/' + name):\n"
    "        time.sleep(0.01)\n"
    "    return open('/app/shared/' + name).read()\n"
)
WHEAT_DURING_SCORING: Final = Shape(
    like="wheat_seeds, ingestion during scoring: no image, a column that is never written, all phases long over",
    faults=[f"12:42 {MONTH_FIRST}", f"13:55 warning {OVER}"],
    yaml=WHEAT_YAML.replace(
        "reference_data: reference_data,", "reference_data: reference_data, ingestion_only_during_scoring: True,"
    )
    .replace("reference_data: final_data,", "reference_data: final_data, ingestion_only_during_scoring: True,")
    .replace("docker_image: codalab/codalab-legacy:py312\n", "")
    .replace("12-31-2024", "8-8-2019")
    .replace("start: 1-1-2025,", "start: 2019-08-09, end: 2019-08-10,"),
    files=WHEAT_DATA
    | inside(
        "ingestion_program",
        {
            "metadata.yaml": "command: python3 ingestion.py\n",
            "ingestion.py": _HAND_OVER
            + "import sys\nsys.path.insert(0, '/app/ingested_program')\nimport model\n"
            + "put('prediction', ' '.join(model.answer(get('test_data').split())))\n",
        },
    )
    | inside(
        "scoring_program",
        {
            "metadata.yaml": "command: python3 scoring.py\n",
            "scoring.py": _HAND_OVER
            + "import json\n"
            + "put('test_data', open('/app/input_data/question').read())\n"
            + "given, truth = get('prediction').split(), open('/app/input/ref/truth').read().split()\n"
            + "share = sum(a == b for a, b in zip(given, truth)) / len(truth)\n"
            + "json.dump({'accuracy': share}, open('/app/output/scores.json', 'w'))\n",
        },
    ),
    phases=[
        "Development: 2019-08-07 00:00 to 2019-08-08 00:00, Development -> main",
        "Testing: 2019-08-09 00:00 to 2019-08-10 00:00, Final -> main",
    ],
    columns=["accuracy desc", "duration desc"],
    facts={"docker_image": "codalab/codalab-legacy:py37"},
    samples={"code": Sample(files=CODE, scores={"accuracy": 1})},
)

WHEAT_RESULTS: Final = Shape(
    like="wheat_seeds, results: no ingestion; the solution of the second task is that of the first",
    faults=[f"14:42 {MONTH_FIRST}"],
    yaml=WHEAT_YAML.replace(
        _WHEAT_TASKS,
        """\
tasks:
  - {index: 0, name: Development, reference_data: reference_data, scoring_program: scoring_program}
  - {index: 1, name: Final, reference_data: final_data, scoring_program: scoring_program}
solutions:
  - {index: 0, tasks: [0], path: development.zip}
  - {index: 1, tasks: [1], path: development.zip}
""",
    ),
    files={
        **{name: content for name, content in WHEAT_DATA.items() if not name.startswith("input_data/")},
        "final_data/truth": "0 1 1 0 1",
        "scoring_program/scoring.py": str(SCORING["scoring.py"]).replace(
            "share =", "assert len(truth) == len(answered), '%d rows, not %d' % (len(answered), len(truth))\nshare ="
        ),
        "development.zip": zipped(RESULT),
    },
    phases=WHEAT_PHASES,
    columns=["accuracy desc", "duration desc"],
    samples={
        "development": Sample(files=RESULT, scores={"accuracy": 0.75, "duration": 0.5}),
        "final, with the rows of the other": Sample(
            files=RESULT, phase=1, cause=Cause.SCORER_FAILED, words="exit code 1"
        ),
    },
)

SHAPES: Final = {
    "mini-mnist": MINI_MNIST,
    "gpu": GPU,
    "iris": IRIS,
    "mini-automl": MINI_AUTOML,
    "shortest-path": SHORTEST_PATH,
    "wheat": WHEAT,
    "wheat-during-scoring": WHEAT_DURING_SCORING,
    "wheat-results": WHEAT_RESULTS,
}
