"""List the competitions, or print the phases and tasks of one."""

from podium_http import arguments, run, server_of


def main():
    """What the numbers are that a submission needs."""
    parser = arguments(__doc__)
    parser.add_argument("competition", type=int, nargs="?", help="its number; without it all are listed")
    given = parser.parse_args()
    server = server_of(given)
    if given.competition is None:
        for one in server.call("GET", "competitions/"):
            print("{}: {} (by {})".format(one["id"], one["title"], one["created_by"]))
        return
    competition = server.call("GET", f"competitions/{given.competition}/")
    print("{}: {}".format(competition["id"], competition["title"]))
    for phase in competition["phases"]:
        print("  phase {}: {} ({})".format(phase["id"], phase["name"], phase["status"]))
        for task in phase["tasks"]:
            print("    task {}: {}".format(task["id"], task["name"]))


if __name__ == "__main__":
    run(main)
