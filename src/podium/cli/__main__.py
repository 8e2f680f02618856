"""`python -m podium.cli` is the same as `podium`."""

from podium.cli.main import app

app()
