"""Who gets which status at every address of the site: the table that `test_access.py` reads and proves.

What they are told there is in `fields/`.

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
GET search/                                                     200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET news/                                                       200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET about/                                                      200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET docs/                                                       200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET docs/<chapter>/                                             200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
POST theme/                                                     302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
POST language/                                                  302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
GET robots.txt                                                  200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET favicon.ico                                                 301 301 301 301 301 301 301 403 301  |  301 301 301 301 301 301 301 403 301
GET metrics                                                     403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET choices/<chosen>/                                           302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
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
GET competitions/<pk>/participants/csv/                         302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/participants/selected/                   302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
POST competitions/<pk>/participants/<participant_id>/           302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/participants/<participant_id>/tries/      302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/participants/<participant_id>/tries/     302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/submissions/all/                          302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/unpublish/                                302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/new/                                           302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST competitions/new/                                          302 400 400 400 400 400 400 403 400  |  302 400 400 400 400 400 400 403 400
GET competitions/<pk>/edit/                                     302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/                                    302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/edit/participation/                       302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/participation/                      302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/edit/pages/                               302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/edit/pages/new/                           302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/pages/new/                          302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/edit/pages/<page_id>/                     302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/pages/<page_id>/                    302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/edit/phases/                              302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/edit/phases/new/                          302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/phases/new/                         302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/edit/phases/<phase_id>/                   302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/phases/<phase_id>/                  302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/edit/leaderboards/                        302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/edit/leaderboards/new/                    302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/leaderboards/new/                   302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/edit/leaderboards/<board_id>/             302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/leaderboards/<board_id>/            302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/edit/fact_sheet/                          302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/fact_sheet/                         302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/edit/administrators/                      302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/edit/administrators/                     302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/tasks/                                    302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/tasks/<task_id>/                          302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/tasks/<task_id>/                         302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/submissions/compare/                      400 400 400 400 400 400 400 403 400  |  404 404 404 400 400 400 400 403 404
POST competitions/<pk>/submissions/selected/                    302 403 403 403 404 404 404 403 403  |  302 404 404 403 404 404 404 403 404
GET competitions/<pk>/phases/<phase_id>/migrate/                302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/phases/<phase_id>/migrate/               302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/phases/<phase_id>/rerun/                  302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/phases/<phase_id>/rerun/                 302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/phases/<phase_id>/comparison/             302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET competitions/<pk>/forum/                                    200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET competitions/<pk>/forum/new/                                302 403 403 200 200 200 200 403 403  |  302 404 404 200 200 200 200 403 404
POST competitions/<pk>/forum/new/                               302 403 403 400 400 400 400 403 403  |  302 404 404 400 400 400 400 403 404
POST competitions/<pk>/forum/preview/                           302 403 403 200 200 200 200 403 403  |  302 404 404 200 200 200 200 403 404
GET competitions/<pk>/forum/<thread_id>/                        302 403 403 200 200 200 200 403 403  |  302 404 404 200 200 200 200 403 404
POST competitions/<pk>/forum/<thread_id>/                       302 403 403 400 400 400 400 403 403  |  302 404 404 400 400 400 400 403 404
POST competitions/<pk>/forum/<thread_id>/follow/                302 403 403 302 302 302 302 403 403  |  302 404 404 302 302 302 302 403 404
POST competitions/<pk>/forum/<thread_id>/moderate/              302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/forum/<thread_id>/announce/               302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/forum/<thread_id>/announce/              302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/forum/<thread_id>/delete/                 302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/forum/<thread_id>/delete/                302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/forum/posts/<post_id>/edit/               302 403 403 200 403 403 403 403 403  |  302 404 404 200 403 403 403 403 404
POST competitions/<pk>/forum/posts/<post_id>/edit/              302 403 403 400 403 403 403 403 403  |  302 404 404 400 403 403 403 403 404
GET competitions/<pk>/forum/posts/<post_id>/delete/             302 403 403 200 200 200 200 403 403  |  302 404 404 200 200 200 200 403 404
POST competitions/<pk>/forum/posts/<post_id>/delete/            302 403 403 302 302 302 302 403 403  |  302 404 404 302 302 302 302 403 404
GET competitions/<pk>/forum/posts/<post_id>/report/             302 403 403 200 200 200 200 403 403  |  302 404 404 200 200 200 200 403 404
POST competitions/<pk>/forum/posts/<post_id>/report/            302 403 403 400 400 302 302 403 403  |  302 404 404 400 400 302 302 403 404
POST competitions/<pk>/forum/posts/<post_id>/moderate/          302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET forums/<forum_id>/                                          302 302 302 302 302 302 302 403 302  |  404 404 404 302 302 302 302 403 404
GET forums/<forum_id>/<thread_id>/                              302 302 302 302 302 302 302 403 302  |  404 404 404 302 302 302 302 403 404
GET datasets/public/                                            200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET tasks/public/                                               200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET datasets/<pk>/                                              200 200 200 200 200 200 200 403 200  |  404 404 404 404 200 404 200 403 404
GET tasks/<pk>/                                                 404 404 404 404 200 404 200 403 404  |  404 404 404 404 200 404 200 403 404
GET resources/                                                  302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET resources/submissions/                                      302 404 404 404 404 404 404 403 404  |  302 404 404 404 404 404 404 403 404
POST resources/submissions/                                     302 404 404 404 404 404 404 403 404  |  302 404 404 404 404 404 404 403 404
GET resources/datasets/                                         302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET resources/datasets/new/                                     302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST resources/datasets/new/                                    302 400 400 400 400 400 400 403 400  |  302 400 400 400 400 400 400 403 400
GET resources/datasets/delete/                                  302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
POST resources/datasets/delete/                                 302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
GET resources/datasets/<pk>/edit/                               302 403 403 403 200 403 200 403 403  |  302 404 404 404 200 404 200 403 404
POST resources/datasets/<pk>/edit/                              302 403 403 403 400 403 400 403 403  |  302 404 404 404 400 404 400 403 404
POST resources/datasets/<pk>/publish/                           302 403 403 403 302 403 302 403 403  |  302 404 404 404 302 404 302 403 404
GET resources/tasks/                                            302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET resources/tasks/new/                                        302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST resources/tasks/new/                                       302 400 400 400 400 400 400 403 400  |  302 400 400 400 400 400 400 403 400
GET resources/tasks/upload/                                     302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST resources/tasks/upload/                                    302 400 400 400 400 400 400 403 400  |  302 400 400 400 400 400 400 403 400
GET resources/tasks/delete/                                     302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
POST resources/tasks/delete/                                    302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
GET resources/tasks/<pk>/edit/                                  302 404 404 404 200 404 200 403 404  |  302 404 404 404 200 404 200 403 404
POST resources/tasks/<pk>/edit/                                 302 404 404 404 400 404 400 403 404  |  302 404 404 404 400 404 400 403 404
GET resources/tasks/<pk>/share/                                 302 404 404 404 200 404 200 403 404  |  302 404 404 404 200 404 200 403 404
POST resources/tasks/<pk>/share/                                302 404 404 404 302 404 302 403 404  |  302 404 404 404 302 404 302 403 404
GET resources/bundles/                                          302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET resources/space/                                            302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET resources/space/<kind>/                                     302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
POST resources/space/<kind>/                                    302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
GET api/tasks/                                                  403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
GET api/tasks/<pk>/                                             403 404 404 404 200 404 200 403 404  |  403 404 404 404 200 404 200 403 404
POST api/tasks/                                                 403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
PUT api/tasks/<pk>/                                             403 404 404 404 400 404 400 403 404  |  403 404 404 404 400 404 400 403 404
DELETE api/tasks/<pk>/                                          403 404 404 404 400 404 400 403 404  |  403 404 404 404 400 404 400 403 404
POST api/tasks/delete_many/                                     403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
PATCH api/tasks/<pk>/                                           403 404 404 404 200 404 200 403 404  |  403 404 404 404 200 404 200 403 404
PATCH api/users/<pk>/                                           403 403 403 403 200 403 200 403 403  |  403 403 403 403 200 403 200 403 403
PUT api/users/<pk>/                                             403 403 403 403 200 403 200 403 403  |  403 403 403 403 200 403 200 403 403
GET api/user_lookup/                                            403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
DELETE api/delete_account/                                      403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/tokens/                                                 403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
POST api/tokens/                                                403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
DELETE api/tokens/<pk>/                                         403 404 404 404 204 404 404 403 404  |  403 404 404 404 204 404 404 403 404
POST api/organizations/                                         403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
PUT api/organizations/<pk>/                                     403 404 403 403 400 400 400 403 404  |  403 404 403 403 400 400 400 403 404
PATCH api/organizations/<pk>/                                   403 404 403 403 200 200 200 403 404  |  403 404 403 403 200 200 200 403 404
POST api/organizations/<pk>/update_member_group/                403 404 400 400 400 400 400 403 404  |  403 404 400 400 400 400 400 403 404
POST api/organizations/<pk>/invite_users/                       403 404 400 400 400 400 400 403 404  |  403 404 400 400 400 400 400 403 404
DELETE api/organizations/<pk>/delete_member/                    403 404 400 400 400 400 400 403 404  |  403 404 400 400 400 400 400 403 404
DELETE api/organizations/<pk>/delete_organization/              403 404 200 200 200 200 200 403 404  |  403 404 200 200 200 200 200 403 404
POST api/organizations/invite_response/                         403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
DELETE api/organizations/invite_response/                       403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
POST api/organizations/validate_invite/                         403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET profiles/user/<username>/                                   302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET profiles/user/<username>/edit/                              302 403 403 403 200 403 200 403 403  |  302 403 403 403 200 403 200 403 403
POST profiles/user/<username>/edit/                             302 403 403 403 400 403 400 403 403  |  302 403 403 403 400 403 400 403 403
GET profiles/user/<username>/notifications/                     302 403 403 403 200 403 200 403 403  |  302 403 403 403 200 403 200 403 403
POST profiles/user/<username>/notifications/                    302 403 403 403 302 403 302 403 403  |  302 403 403 403 302 403 302 403 403
GET profiles/security/                                          302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET profiles/tokens/                                            302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST profiles/tokens/                                           302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
POST profiles/tokens/<pk>/revoke/                               302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
GET profiles/delete/                                            302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST profiles/delete/                                           302 400 400 400 400 400 400 403 400  |  302 400 400 400 400 400 400 403 400
GET profiles/organizations/                                     302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET profiles/organization/create/                               302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
POST profiles/organization/create/                              302 400 400 400 400 400 400 403 400  |  302 400 400 400 400 400 400 403 400
GET profiles/organization/<pk>/edit/                            302 403 403 403 200 200 200 403 403  |  302 403 403 403 200 200 200 403 403
POST profiles/organization/<pk>/edit/                           302 403 403 403 400 400 400 403 403  |  302 403 403 403 400 400 400 403 403
POST profiles/organization/<pk>/invite/                         302 403 403 403 400 400 400 403 403  |  302 403 403 403 400 400 400 403 403
POST profiles/organization/<pk>/members/<membership_id>/        302 403 403 403 302 302 302 403 403  |  302 403 403 403 302 302 302 403 403
POST profiles/organization/<pk>/leave/                          302 302 302 302 302 302 302 403 302  |  302 302 302 302 302 302 302 403 302
GET profiles/organization/<pk>/delete/                          302 403 403 403 200 403 403 403 403  |  302 403 403 403 200 403 403 403 403
POST profiles/organization/<pk>/delete/                         302 403 403 403 400 403 403 403 403  |  302 403 403 403 400 403 403 403 403
GET api/users/participant_organizations/                        403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
GET profiles/organization/<pk>/                                 302 200 200 200 200 200 200 403 200  |  302 200 200 200 200 200 200 403 200
GET profiles/organization/accept_invite/                        302 404 404 404 404 404 404 403 404  |  302 404 404 404 404 404 404 403 404
POST profiles/organization/accept_invite/                       302 404 404 404 404 404 404 403 404  |  302 404 404 404 404 404 404 403 404
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
POST submissions/<pk>/manage/                                   302 404 404 404 404 404 404 403 404  |  302 404 404 404 404 404 404 403 404
GET submissions/<pk>/delete/                                    302 302 302 302 200 200 200 403 302  |  302 404 404 200 200 200 200 403 404
POST submissions/<pk>/delete/                                   302 302 302 302 302 302 302 403 302  |  302 404 404 302 302 302 302 403 404
GET submissions/<pk>/scores/                                    302 404 404 404 200 200 200 403 404  |  302 404 404 404 200 200 200 403 404
POST submissions/<pk>/scores/                                   302 404 404 404 400 400 400 403 404  |  302 404 404 404 400 400 400 403 404
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
PATCH api/competitions/<pk>/                                    403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
PUT api/competitions/<pk>/                                      403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
DELETE api/competitions/<pk>/                                   403 403 403 403 204 403 403 403 403  |  403 404 404 403 204 403 403 403 404
POST api/competitions/                                          403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/leaderboards/                                           200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/leaderboards/<pk>/                                      200 200 200 200 200 200 200 403 200  |  404 404 404 403 200 200 200 403 404
GET api/submission_scores/                                      403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
GET api/submission_scores/<pk>/                                 403 404 404 404 200 200 200 403 404  |  403 404 404 404 200 200 200 403 404
GET api/phases/                                                 403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
POST api/phases/                                                403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/phases/<pk>/                                            403 200 200 200 200 200 200 403 200  |  403 404 404 200 200 200 200 403 404
PATCH api/phases/<pk>/                                          403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
PUT api/phases/<pk>/                                            403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
DELETE api/phases/<pk>/                                         403 403 403 403 400 400 400 403 403  |  403 404 404 403 400 400 400 403 404
POST api/competitions/<pk>/rotate_secret/                       403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
POST api/competitions/<pk>/email_all_participants/              403 403 403 403 400 400 400 403 403  |  403 404 404 403 400 400 400 403 404
POST api/participants/<pk>/send_email/                          403 404 404 404 400 400 400 403 404  |  403 404 404 404 400 400 400 403 404
GET competitions/<pk>/access/                                   302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/access/                                  302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET competitions/<pk>/message/                                  302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/message/                                 302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/delete/                                   302 403 403 403 200 403 403 403 403  |  302 404 404 403 200 403 403 403 404
POST competitions/<pk>/delete/                                  302 403 403 403 400 403 403 403 403  |  302 404 404 403 400 403 403 403 404
POST competitions/<pk>/restore/                                 302 404 404 404 404 404 404 403 404  |  302 404 404 404 404 404 404 403 404
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
POST competitions/<pk>/copy/                                    302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
POST api/tasks/upload_task/                                       403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/schemas/competition.json                                200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/my_profile/                                             403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
GET api/can_make_submission/<phase>/                            403 200 200 200 200 200 200 403 200  |  403 404 404 200 200 200 200 403 404
GET api/competitions/<competition>/webhooks/                    403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
POST api/competitions/<competition>/webhooks/                   403 403 403 403 400 400 400 403 403  |  403 404 404 403 400 400 400 403 404
GET api/competitions/<competition>/webhooks/<pk>/               403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
PATCH api/competitions/<competition>/webhooks/<pk>/             403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
DELETE api/competitions/<competition>/webhooks/<pk>/            403 403 403 403 204 204 204 403 403  |  403 404 404 403 204 204 204 403 404
POST api/competitions/<competition>/webhooks/<pk>/rotate_secret/ 403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
POST api/competitions/<competition>/webhooks/<pk>/ping/         403 403 403 403 201 201 201 403 403  |  403 404 404 403 201 201 201 403 404
GET api/competitions/<competition>/webhooks/<pk>/deliveries/    403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
POST api/competitions/<competition>/webhooks/<pk>/deliveries/<delivery>/redeliver/ 403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
POST competitions/<pk>/view_as/                                 302 403 403 403 404 404 404 403 403  |  302 404 404 403 404 404 404 403 404
GET competitions/<pk>/history/                                  302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET audit/                                                      302 403 403 403 403 403 200 403 403  |  302 403 403 403 403 403 200 403 403
GET api/competitions/<pk>/audit/                                403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/competitions/<pk>/audit.csv                             403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/audit/                                                  403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET api/audit.csv                                               403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET competitions/<pk>/statistics/                               302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
GET api/competitions/<pk>/statistics/                           403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET api/competitions/<pk>/statistics.csv                        403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET analytics/                                                  302 403 403 403 403 403 200 403 403  |  302 403 403 403 403 403 200 403 403
GET analytics/storage/                                          302 403 403 403 403 403 200 403 403  |  302 403 403 403 403 403 200 403 403
GET analytics/storage/orphans/                                  302 403 403 403 403 403 200 403 403  |  302 403 403 403 403 403 200 403 403
GET analytics/competitions/                                     302 403 403 403 403 403 200 403 403  |  302 403 403 403 403 403 200 403 403
GET analytics/people/                                           302 403 403 403 403 403 200 403 403  |  302 403 403 403 403 403 200 403 403
POST analytics/storage/                                         302 403 403 403 403 403 302 403 403  |  302 403 403 403 403 403 302 403 403
POST analytics/storage/orphans/                                 302 403 403 403 403 403 302 403 403  |  302 403 403 403 403 403 302 403 403
GET api/analytics/year.csv                                      403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET api/analytics/published.csv                                 403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET api/analytics/                                              403 404 404 404 404 404 400 403 404  |  403 404 404 404 404 404 400 403 404
GET api/analytics/storage_usage_history/                        403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET api/analytics/competitions_usage/                           403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET api/analytics/users_usage/                                  403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET api/analytics/check_orphans_deletion_status/                403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET api/analytics/get_orphan_files/                             403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
DELETE api/analytics/delete_orphan_files/                       403 403 403 403 403 403 200 403 403  |  403 403 403 403 403 403 200 403 403
GET competitions/<pk>/webhooks/                                 302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/webhooks/                                302 403 403 403 400 400 400 403 403  |  302 404 404 403 400 400 400 403 404
GET competitions/<pk>/webhooks/<webhook_id>/                    302 403 403 403 200 200 200 403 403  |  302 404 404 403 200 200 200 403 404
POST competitions/<pk>/webhooks/<webhook_id>/                   302 403 403 403 302 302 302 403 403  |  302 404 404 403 302 302 302 403 404
GET api/uploads/                                                403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
POST api/uploads/                                               403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/uploads/<key>/                                          403 404 404 404 200 404 404 403 404  |  403 404 404 404 200 404 404 403 404
DELETE api/uploads/<key>/                                       403 404 404 404 204 404 404 403 404  |  403 404 404 404 204 404 404 403 404
POST api/uploads/<key>/complete/                                403 404 404 404 400 404 404 403 404  |  403 404 404 404 400 404 404 403 404
POST api/submissions/upload/                                    403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/competitions/<pk>/events/                               200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET api/submissions/<pk>/events/                                200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET api/competitions/                                           200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/competitions/front_page/                                200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/competitions/public/                                    200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
GET api/competitions/<pk>/                                      200 200 200 200 200 200 200 403 200  |  404 404 404 200 200 200 200 403 404
GET api/competitions/<pk>/creation_status/                      403 404 404 404 200 404 404 403 404  |  403 404 404 404 200 404 404 403 404
POST api/competitions/<pk>/register/                            403 201 400 400 400 201 201 403 201  |  403 404 404 400 400 201 201 403 404
POST api/competitions/<pk>/toggle_publish/                      403 403 403 403 200 200 200 403 403  |  403 404 404 403 200 200 200 403 404
GET datasets/download/<key>/                                    302 302 302 302 302 302 302 403 302  |  404 404 404 404 302 404 302 403 404
GET datasets/download/id/<pk>/                                  302 302 302 302 302 302 302 403 302  |  404 404 404 404 302 404 302 403 404
GET api/user_quota/                                             403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
GET api/user_quota_cleanup/                                     403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
DELETE api/delete_unused_tasks/                                 403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
DELETE api/delete_unused_datasets/                              403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
DELETE api/delete_unused_submissions/                           403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
DELETE api/delete_failed_submissions/                           403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
GET api/datasets/                                               403 200 200 200 200 200 200 403 200  |  403 200 200 200 200 200 200 403 200
POST api/datasets/                                              403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
PUT api/datasets/completed/<key>/                               403 404 404 404 200 404 404 403 404  |  403 404 404 404 200 404 404 403 404
DELETE api/datasets/<pk>/                                       403 400 400 400 204 400 400 403 400  |  403 404 404 404 204 404 400 403 404
GET api/datasets/<pk>/                                          403 200 200 200 200 200 200 403 200  |  403 404 404 404 200 404 200 403 404
PATCH api/datasets/<pk>/                                        403 403 403 403 200 403 200 403 403  |  403 404 404 404 200 404 200 403 404
PUT api/datasets/<pk>/                                          403 403 403 403 400 403 400 403 403  |  403 404 404 404 400 404 400 403 404
POST api/datasets/delete_many/                                  403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/datasets/public/                                        200 200 200 200 200 200 200 403 200  |  200 200 200 200 200 200 200 403 200
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
PATCH api/submissions/<pk>/update_fact_sheet/                   403 403 403 200 200 200 200 403 403  |  403 404 404 200 200 200 200 403 404
POST api/submissions/download_many/                             403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
GET api/submissions/download_zip/                               403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
POST api/submissions/download_zip/                              403 400 400 400 400 400 400 403 400  |  403 400 400 400 400 400 400 403 400
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

FURTHER = [
    "datasets/download/<submitted>/",
    "api/competitions/?type=any",
    "api/datasets/?_type=submission&_public=1",
    "api/datasets/?_type=dataset&_public=1",
    "api/participants/?competition=<competition>",
    "api/submissions/?format=csv",
    "api/submissions/?show_is_soft_deleted=true",
    "api/submissions/<pk>/?show_is_soft_deleted=true",
    "api/submissions/download_zip/?phase=<phase>&include=submission&include=prediction_result&include=scoring_result",
    "api/tasks/?public=1",
    "search/?q=mark",
    "search/?q=ol&in=people",
]
"""Addresses with parameters, which tell more than the route alone."""

STATE_ADDRESSES = [
    "",
    "competitions/",
    "competitions/<pk>/",
    "competitions/<pk>/terms/",
    "competitions/<pk>/files/",
    "competitions/<pk>/phases/",
    "competitions/<pk>/submissions/",
    "competitions/<pk>/submissions/all/",
    "competitions/<pk>/participants/",
    "competitions/<pk>/results/",
    "competitions/<pk>/results/progress/",
    "submissions/<pk>/",
    "submissions/<pk>/row/",
    "submissions/<pk>/report/",
    "submissions/<pk>/logs/<step>/<stream>/",
    "server_status",
    "profiles/user/<username>/",
    "queues/<pk>/",
    "api/competitions/public/",
    "api/competitions/<pk>/",
    "api/competitions/<pk>/events/",
    "api/competitions/<pk>/results.csv",
    "api/leaderboards/<pk>/",
    "api/phases/<pk>/",
    "api/phases/<pk>/get_leaderboard/",
    "api/submissions/",
    "api/submissions/<pk>/",
    "api/submissions/<pk>/events/",
    "api/submissions/<pk>/get_details/",
    "api/submissions/<pk>/get_detail_result/",
    "api/submissions/<pk>/logs/<name>/",
    *FURTHER,
]
"""What is read in every state: whatever depends on a competition, its phases, boards, files and submissions."""

ELSEWHERE = {
    "forums/unfollow/<token>/": "by a signed link in a mail, logged in or not; test_forums.py",
    "profiles/security/log_out_everywhere/": "by session, one's own sessions; test_security_pages.py",
    "api/api/schema/": "public; test_api.py reads it",
    "api/docs/": "public; test_api.py reads it",
    "api/redoc/": "public; test_api.py reads it",
}

STREAMS = ("api/competitions/<pk>/events/", "api/submissions/<pk>/events/")
"""Routes that answer with an event stream: `test_open_connections.py` has what they tell, and what sockets do."""

BESIDE_DJANGO = {
    "/files/{token}": "by signed grant; test_bytes_plane.py",
    "/files/{token}/{number:int}": "by signed grant; test_uploads.py",
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
