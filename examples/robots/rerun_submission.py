"""Run a submission again on a task of your choice, for bots and organizers. Prints the number of the new submission."""

import sys

from podium_http import arguments, run, server_of


def main():
    """List what there is, or run one of them on one of the tasks."""
    parser = arguments(__doc__)
    parser.add_argument("--submission", type=int, help="run this one again")
    parser.add_argument("--task", help="key of the task")
    given = parser.parse_args()
    server = server_of(given)
    if given.submission is None or given.task is None:
        for one in server.call("GET", "submissions/"):
            print("submission {}: {}, {}".format(one["id"], one["owner"], one["status"]))
        for task in server.call("GET", "tasks/", query={"public": "true"})["results"]:
            print("task {}: {}".format(task["key"], task["name"]))
        return
    path = f"submissions/{given.submission}/re_run_submission/?task_key={given.task}"
    new = server.call("POST", path)["id"]
    task = server.call("GET", f"submissions/{new}/")["task"]
    print("runs on {} ({})".format(task["name"], task["key"]), file=sys.stderr)
    print(new)


if __name__ == "__main__":
    run(main)
