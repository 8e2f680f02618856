"""Who gets which status at every address of the site: the table that `test_access.py` reads and proves.

Columns: anonymous, sam (a stranger), penny (asked to take part and waits), pat (takes part; the submission is his),
olivia (organizer, owner of the queue), colin (collaborator, organizer of the queue), ada (administrator), ben (banned), a bot. Left of the bar the competition is
published, its board is shown and the queue is public; right of it, it is unpublished with a hidden board and hidden output.
Requests carry no body. 302 is a redirect to the log-in page, or back with a message after a form. These are answers to sessions: what changes
something by GET (Codabench's clients do) is 405 for them and works with a token.
"""

# ruff: noqa: E501 - a table is read by columns

from __future__ import annotations

# fmt: off
_ROWS = """
                                                                ano sam pen pat oli col ada ben bot  |  ano sam pen pat oli col ada ben bot
GET /                                                           200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET about/                                                      200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
POST theme/                                                     302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
GET robots.txt                                                  200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET favicon.ico                                                 301 301 301 301 301 301 301 403 301  |  301 301 301 301 301 301 301 403 301
GET metrics                                                     403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET competitions/                                               302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET competitions/public/                                        200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET competitions/upload/                                        302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST competitions/upload/                                       302 400 400 400 400 400 400 403 400  |  302 400 400 400 400 400 400 403 400
GET competitions/upload/<pk>/                                   302 404 404 404 200 404 200 403 404  |  302 404 404 404 200 404 200 403 404
GET competitions/<pk>/                                          200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET competitions/<pk>/pages/<page_id>/                          200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET competitions/<pk>/terms/                                    200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET competitions/<pk>/files/                                    200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET competitions/<pk>/phases/                                   200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
POST competitions/<pk>/phases/<phase>/settle_limits/            302 302 302 302 302 302 302 403 302  |  302 404 404 302 302 302 302 403 404
POST competitions/<pk>/register/                                302 302 302 302 302 302 302 403 302  |  302 404 404 302 302 302 302 403 404
POST competitions/<pk>/publish/                                 302 302 302 302 302 302 302 403 302  |  302 404 404 302 302 302 302 403 404
GET competitions/<pk>/bundle/                                   302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/submissions/                              200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
POST competitions/<pk>/submissions/                             302 302 302 400 400 302 302 403 302  |  404 404 404 400 400 302 302 403 404
GET competitions/<pk>/participants/                             302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/participants/<participant_id>/           302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/participants/<participant_id>/tries/      302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/participants/<participant_id>/tries/     302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/submissions/all/                          302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/unpublish/                                302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/tasks/                                    302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/tasks/<task_id>/                          302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/tasks/<task_id>/                         302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
POST competitions/<pk>/submissions/selected/                    302 403 403 403 404 404 404 403 403  |  302 404 404 403 404 404 404 403 404
GET competitions/<pk>/phases/<phase_id>/rerun/                  302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/phases/<phase_id>/rerun/                 302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/phases/<phase_id>/comparison/             302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET api/tasks/                                                  403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
GET api/tasks/<pk>/                                             403 404 404 404 200 404 200 403 404  |  403 404 404 404 200 404 200 403 404
PATCH api/tasks/<pk>/                                           403 404 404 404 200 404 200 403 404  |  403 404 404 404 200 404 200 403 404
GET api/phases/<pk>/rerun_comparison/                           403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/participants/                                           403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
PATCH api/participants/<pk>/                                    403 404 404 404 400 400 400 403 404  |  403 404 404 404 400 400 400 403 404
POST api/participants/<pk>/credit_tries/                         403 404 404 404 400 400 400 403 404  |  403 404 404 404 400 400 400 403 404
GET competitions/<pk>/results/                                  200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET competitions/<pk>/results/progress/                         200 200 200 200 200 200 200 403 200  |  404 404 404 404 200 200 200 403 404
GET competitions/<pk>/results/<submission_id>/                  302 403 403 200 200 200 200 403 403  |  302 404 404 404 404 404 404 403 404
GET submissions/<pk>/                                           200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET submissions/<pk>/row/                                       404 404 404 200 404 404 404 403 404  |  404 404 404 200 404 404 404 403 404
GET submissions/<pk>/report/                                    200 200 200 200 200 200 200 403 200  |  404 404 404 404 200 200 200 403 404
GET submissions/<pk>/cancel/                                    302 200 200 200 200 200 200 403 200  |  302 404 404 200 200 200 200 403 404
POST submissions/<pk>/cancel/                                   302 302 302 302 302 302 302 403 302  |  302 404 404 302 302 302 302 403 404
POST submissions/<pk>/start/                                    302 302 302 302 302 302 302 403 302  |  302 404 404 302 302 302 302 403 404
GET submissions/<pk>/logs/<step>/<stream>/                      404 404 404 200 200 200 200 403 404  |  404 404 404 404 200 200 200 403 404
GET competitions/<pk>/queue/                                    302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/queue/                                   302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET server_status                                               302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET workers/                                                    302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET queues/                                                     302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET queues/new/                                                 302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST queues/new/                                                302 400 400 400 400 400 400 403 400  |  302 400 400 400 400 400 400 403 400
GET queues/<pk>/                                                302 200 200 200 200 200 200 403 200  |  302 404 404 404 200 200 200 403 404
POST queues/<pk>/                                               302 403 403 403 400 400 400 403 403  |  302 404 404 404 400 400 400 403 404
GET queues/<pk>/edit/                                           302 403 403 403 200 403 200 403 403  |  302 404 404 404 200 403 200 403 404
POST queues/<pk>/edit/                                          302 403 403 403 400 403 400 403 403  |  302 404 404 404 400 403 400 403 404
GET queues/<pk>/delete/                                         302 403 403 403 200 403 200 403 403  |  302 404 404 404 200 403 200 403 404
POST queues/<pk>/delete/                                        302 403 403 403 302 403 302 403 403  |  302 404 404 404 302 403 302 403 404
GET queues/<pk>/tokens/<token_id>/<wish>/                       302 403 403 403 200 200 200 403 403  |  302 404 404 404 200 200 200 403 404
POST queues/<pk>/tokens/<token_id>/<wish>/                      302 403 403 403 302 302 302 403 403  |  302 404 404 404 302 302 302 403 404
POST queues/<pk>/workers/<worker_id>/<wish>/                    302 403 403 403 302 302 302 403 403  |  302 404 404 404 302 302 302 403 404
PATCH api/competitions/<pk>/                                    403 400 400 400 400 400 400 403 400  |  403 404 404 400 400 400 400 403 404
GET api/queues/                                                 403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
POST api/queues/                                                403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/queues/<pk>/                                            403 200 200 200 200 200 200 403 200  |  403 404 404 404 200 200 200 403 404
PATCH api/queues/<pk>/                                          403 403 403 403 200 403 200 403 403  |  403 404 404 404 200 403 200 403 404
DELETE api/queues/<pk>/                                         403 403 403 403 204 403 204 403 403  |  403 404 404 404 204 403 204 403 404
GET api/queues/<pk>/tokens/                                     403 403 403 403 200 200 200 403 403  |  403 404 404 404 200 200 200 403 404
POST api/queues/<pk>/tokens/                                    403 403 403 403 400 400 400 403 403  |  403 404 404 404 400 400 400 403 404
POST api/queues/<pk>/tokens/<token_id>/rotate/                  403 403 403 403 201 201 201 403 403  |  403 404 404 404 201 201 201 403 404
DELETE api/queues/<pk>/tokens/<token_id>/                       403 403 403 403 204 204 204 403 403  |  403 404 404 404 204 204 204 403 404
GET api/queues/<pk>/workers/                                    403 403 403 403 200 200 200 403 403  |  403 404 404 404 200 200 200 403 404
POST api/queues/<pk>/workers/<worker_id>/<wish>/                403 403 403 403 200 200 200 403 403  |  403 404 404 404 200 200 200 403 404
POST api/api-token-auth/                                        400 400 400 400 400 400 400 403 400  |  400 400 400 400 400 400 400 403 400
GET api/limits/                                                 200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
POST api/competitions/<pk>/create_dump/                         403 403 403 403 201 201 201 403 403  |  403 404 404 403 201 201 201 403 404
POST api/competitions/<pk>/create_archive/                      403 403 403 403 201 201 201 403 403  |  403 404 404 403 201 201 201 403 404
GET competitions/<pk>/archives/                                 302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/archives/                                302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET api/competitions/<pk>/get_files/                            403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
POST competitions/<pk>/dumps/                                   302 302 302 302 302 302 302 403 302  |  302 404 404 302 302 302 302 403 404
POST api/tasks/upload_task/                                       403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/schemas/competition.json                                200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/my_profile/                                             403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
GET api/can_make_submission/<phase>/                            403 200 200 200 200 200 200 403 200  |  403 404 404 200 200 200 200 403 404
GET api/submissions/<pk>/events/                                200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET api/competitions/                                           200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/competitions/front_page/                                200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/competitions/public/                                    200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/competitions/<pk>/                                      200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET api/competitions/<pk>/creation_status/                      403 404 404 404 200 404 404 403 404  |  403 404 404 404 200 404 404 403 404
POST api/competitions/<pk>/register/                            403 201 400 400 400 201 201 403 201  |  403 404 404 400 400 201 201 403 404
POST api/competitions/<pk>/toggle_publish/                      403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/datasets/                                               403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
POST api/datasets/                                              403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
PUT api/datasets/completed/<key>/                               403 404 404 404 200 404 404 403 404  |  403 404 404 404 200 404 404 403 404
DELETE api/datasets/<pk>/                                       403 400 400 400 204 400 400 403 400  |  403 404 404 404 204 404 400 403 404
GET api/datasets/<pk>/                                          403 200 200 200 200 200 200 403 200  |  403 404 404 404 200 404 200 403 404
GET api/competitions/<pk>/results/                                 403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/competitions/<pk>/results.json                             403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/competitions/<pk>/results.csv                              403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/competitions/<pk>/results.zip                              403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/phases/<pk>/get_leaderboard/                            200 200 200 200 200 200 200 403 200  |  404 404 404 404 200 200 200 403 404
PATCH api/submission_scores/<pk>/                                403 403 403 403 400 400 400 403 403  |  403 404 404 403 400 400 400 403 404
GET api/submissions/                                            200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
POST api/submissions/                                           403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/submissions/<pk>/                                       200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET  api/submissions/<pk>/cancel_submission/                    405 405 405 405 405 405 405 403 405  |  405 405 405 405 405 405 405 403 405
POST api/submissions/<pk>/cancel_submission/                    403 403 403 200 200 200 200 403 403  |  403 404 404 200 200 200 200 403 404
GET api/submissions/<pk>/get_detail_result/                     200 200 200 200 200 200 200 403 200  |  404 404 404 403 200 200 200 403 404
GET api/submissions/<pk>/get_details/                           403 403 403 200 200 200 200 403 403  |  404 404 404 403 200 200 200 403 404
GET api/submissions/<pk>/logs/<name>/                           403 403 403 200 200 200 200 403 403  |  404 404 404 403 200 200 200 403 404
POST api/submissions/<pk>/run_submission/                       403 403 403 403 403 403 403 403 403  |  403 404 404 403 403 403 403 403 404
DELETE api/submissions/<pk>/submission_leaderboard_connection/  403 403 403 403 403 403 200 403 403  |  403 404 404 403 403 403 403 403 404
POST api/submissions/<pk>/submission_leaderboard_connection/    403 403 403 403 403 403 200 403 403  |  403 404 404 200 200 200 200 403 404
DELETE api/submissions/<pk>/                                    403 403 403 403 204 204 204 403 403  |  403 404 404 204 204 204 204 403 404
DELETE api/submissions/<pk>/soft_delete/                        403 403 403 403 403 403 403 403 403  |  403 404 404 200 403 403 403 403 404
POST api/submissions/<pk>/re_run_submission/                    403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/submissions/<pk>/toggle_public/                         405 405 405 405 405 405 405 403 405  |  405 405 405 405 405 405 405 403 405
POST api/submissions/<pk>/toggle_public/                        403 403 403 200 200 200 200 403 403  |  403 404 404 200 200 200 200 403 404
DELETE api/submissions/delete_many/                             403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
POST api/submissions/re_run_many_submissions/                   403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/phases/<pk>/rerun_submissions/                          403 405 405 405 405 405 405 403 405  |  403 405 405 405 405 405 405 403 405
POST api/phases/<pk>/rerun_submissions/                         403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
POST api/phases/<pk>/settle_limits/                             403 403 403 403 204 204 204 403 403  |  403 404 404 403 204 204 204 403 404
GET api/phases/<pk>/works/                                      403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
POST api/phases/<pk>/manually_migrate/                          403 403 403 403 400 400 400 403 403  |  403 404 404 403 400 400 400 403 404
"""
# fmt: on


def _table() -> dict[tuple[str, str], tuple[str, str]]:
    rows = {}
    for line in _ROWS.strip("\n").splitlines()[1:]:
        method, route, statuses = line.split(maxsplit=2)
        opened, closed = statuses.split("|")
        rows[(method, route.removeprefix("/"))] = (opened.strip(), closed.strip())
    return rows


TABLE = _table()
"""(method, route) -> statuses in the open world, statuses in the closed one; the home page's route is empty."""

ELSEWHERE = {
    "api/api/schema/": "public; test_api.py reads it",
    "api/docs/": "public; test_api.py reads it",
    "api/redoc/": "public; test_api.py reads it",
}

BESIDE_DJANGO = {
    "/files/{token}": "by signed grant; test_bytes_plane.py",
    "/api/worker/claim": "by a queue's token; test_intake.py",
    "/api/worker/take": "by a message's secret; test_codabench_worker.py",
    "/api/worker/attempts/{attempt}/beat": "by an attempt's token; test_intake.py",
    "/api/worker/attempts/{attempt}/finish": "by an attempt's token; test_intake.py",
    "/api/submissions/{submission}/": "PATCH, by a message's secret; test_codabench_worker.py",
    "/api/upload_submission_scores/{submission}/": "by a message's secret; test_codabench_worker.py",
    "/submission_input/{user:int}/{submission:int}/{secret}/": "by a message's secret; test_codabench_worker.py",
    "/submission_output/": "by session, one's own submissions; test_codabench_pages_socket.py",
    "/{anywhere:path}": "every other socket is refused; test_codabench_worker.py",
}
"""Addresses that the ASGI application answers without Django, and the tests of who may use them."""
