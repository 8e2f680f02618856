"""List the submissions of a phase, or put the files and logs of one into a zip."""

import zipfile

from podium_http import arguments, run, send, server_of

FILES = ("data_file", "prediction_result", "scoring_result", "detailed_result")


def main():
    """What became of submissions."""
    parser = arguments(__doc__)
    parser.add_argument("--phase", type=int, help="list the submissions of this phase")
    parser.add_argument("--submission", type=int, help="fetch this one")
    parser.add_argument("--output", default="submission.zip", help="the zip to write")
    given = parser.parse_args()
    server = server_of(given)
    if given.submission is None:
        for one in server.call("GET", "submissions/", query={"phase": given.phase} if given.phase else None):
            print("{}: {} by {}, {}".format(one["id"], one["filename"], one["owner"], one["status"]))
        return
    path = f"submissions/{given.submission}/"
    found, details = server.call("GET", path), server.call("GET", path + "get_details/")
    print("{}: {}".format(found["id"], found["status"]))
    for score in found["scores"]:
        print("  {} = {}".format(score["column_key"], score["score"]))
    # The addresses are short-lived and need no token.
    with zipfile.ZipFile(given.output, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in FILES:
            if details.get(name):
                ending = ".html" if name == "detailed_result" else ".zip"
                archive.writestr(name + ending, send("GET", details[name]))
        for log in details["logs"]:
            archive.writestr("logs/{}.txt".format(log["name"]), send("GET", log["data_file"]))
    print(f"wrote {given.output}")


if __name__ == "__main__":
    run(main)
