"""Submit a zip to a phase. Prints the number of the submission."""

import sys
from pathlib import Path

from podium_http import Refused, arguments, put_file, run, server_of


def main():
    """Ask whether one may submit, upload the file, submit it."""
    parser = arguments(__doc__)
    parser.add_argument("--phase", type=int, required=True)
    parser.add_argument("--task", type=int, action="append", default=[], help="only this task; may be repeated")
    parser.add_argument("file", type=Path, help="the zip")
    given = parser.parse_args()
    server = server_of(given)

    answer = server.call("GET", f"can_make_submission/{given.phase}/")
    if not answer["can"]:
        raise Refused(answer["reason"])
    name = given.file.name
    announced = {"type": "submission", "request_sassy_file_name": name, "file_size": given.file.stat().st_size}
    place = server.call("POST", "datasets/", announced)
    put_file(place["sassy_url"], given.file)
    print("uploaded {} as {}".format(name, place["key"]), file=sys.stderr)
    body = {"phase": given.phase, "tasks": given.task, "data": place["key"]}
    print(server.call("POST", "submissions/", body)["id"])


if __name__ == "__main__":
    run(main)
