"""`python -m podium.worker`: a worker configured by environment variables alone."""

from __future__ import annotations

import sys

from podium.logs import configure_from_environment
from podium.sandbox import SandboxError
from podium.worker.intake import REFUSED, TokenRefusedError
from podium.worker.main import run
from podium.worker.settings import SettingsError, WorkerSettings

if __name__ == "__main__":
    configure_from_environment()
    try:
        run(WorkerSettings.from_environment())
    except (SettingsError, SandboxError, OSError) as error:
        sys.exit(f"podium worker: {error}")
    except TokenRefusedError as error:
        print(f"podium worker: {REFUSED} ({error})", file=sys.stderr)
        sys.exit(2)
