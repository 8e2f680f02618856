"""What the robots share: Podium's REST API by plain HTTP, with nothing but Python's own library."""

import argparse
import json
import os
import sys
import urllib.error
import urllib.parse
import urllib.request


class Refused(Exception):
    """The server said no; the text is its own."""


class Server:
    """A server, and whose token goes with each call."""

    def __init__(self, url, token=None):
        self.url, self.token = url.rstrip("/"), token

    def call(self, method, path, body=None, query=None):
        """Call the API and return the JSON of its answer."""
        address = f"{self.url}/api/{path}"
        if query:
            address += "?" + urllib.parse.urlencode(query)
        headers = {"Accept": "application/json"}
        if self.token:
            headers["Authorization"] = "Token " + self.token
        data = None
        if body is not None:
            data, headers["Content-Type"] = json.dumps(body).encode(), "application/json"
        text = send(method, address, data, headers)
        return json.loads(text) if text else None

    def log_in(self, username, password):
        """Exchange name and password for a token."""
        self.token = self.call("POST", "api-token-auth/", {"username": username, "password": password})["token"]


def send(method, url, data=None, headers=None):
    """Send a request and return the body of its answer."""
    if not url.startswith(("http://", "https://")):
        raise Refused(f"{url} is no web address.")
    request = urllib.request.Request(url, data=data, headers=headers or {}, method=method)  # noqa: S310 - checked above
    try:
        with urllib.request.urlopen(request, timeout=120) as answer:  # noqa: S310 - checked above
            return answer.read()
    except urllib.error.HTTPError as error:
        raise Refused(f"{method} {url}: {error.read().decode()}") from error


def put_file(url, path):
    """Upload a file to the address that the API gave for it."""
    headers = {"Content-Type": "application/zip", "Content-Length": str(path.stat().st_size)}
    with path.open("rb") as stream:
        send("PUT", url, stream, headers)


def arguments(description):
    """The arguments that every robot has: which server, and who asks."""
    parser = argparse.ArgumentParser(description=description)
    parser.add_argument("--url", default=os.environ.get("PODIUM_URL", "http://127.0.0.1:8000"), help="the server")
    parser.add_argument("--token", default=os.environ.get("PODIUM_TOKEN"), help="an API token (or PODIUM_TOKEN)")
    parser.add_argument("--username", default=os.environ.get("PODIUM_USERNAME"), help="instead of a token")
    parser.add_argument("--password", default=os.environ.get("PODIUM_PASSWORD"), help="better as PODIUM_PASSWORD")
    return parser


def server_of(given):
    """The server of the arguments, logged in where they say who."""
    server = Server(given.url, given.token)
    if not given.token and given.username:
        server.log_in(given.username, given.password or "")
    return server


def run(main):
    """Run a robot; a refusal is told in one line and is exit code 1."""
    try:
        main()
    except Refused as refused:
        print(refused, file=sys.stderr)
        sys.exit(1)
    except urllib.error.URLError as error:
        print(f"The server does not answer: {error.reason}", file=sys.stderr)
        sys.exit(1)
