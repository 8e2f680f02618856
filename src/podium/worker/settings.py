"""What a worker is told: its platform, its slots, its folders and its ceilings."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import get_args
from urllib.parse import urlsplit, urlunsplit

from podium.sandbox.config import PullPolicy

GIB = 2**30


def without_password(url: str) -> str:
    """A broker's address as it may be shown."""
    parts = urlsplit(url)
    return urlunsplit((parts.scheme, parts.netloc.rpartition("@")[2], parts.path, "", ""))


class SettingsError(Exception):
    """A setting is missing or cannot be understood; the text names the variable and the mend."""


def _default_work_folder() -> Path:
    return Path(tempfile.gettempdir()) / "podium-worker"


@dataclass(frozen=True, kw_only=True)
class Retries:
    """How failed requests are repeated: delays in seconds, doubled each time; `patience_seconds` ends transfers.

    Claims and outcomes are repeated without end: a platform that restarts finds its workers again.
    """

    first_seconds: float = 0.2
    longest_seconds: float = 10.0
    patience_seconds: float = 300.0


@dataclass(frozen=True, kw_only=True)
class WorkerSettings:
    """All that one worker process needs to know.

    Attributes:
        server: the platform's address, e.g. https://podium.example.org.
        token: the queue's token; never logged.
        broker: the queue's address on RabbitMQ, with a password in it; jobs come from there, and no token is needed.
        broker_tls: speak TLS with the broker also where its address does not say so.
        slots: how many jobs run at once.
        name: how the platform shows this worker, unique in its queue; empty: made of host and work folder.
        engine: "auto", "bubblewrap", "docker" or "process" (the last only with `unsafe`).
        unsafe: allow programs to run with no isolation.
        work: the worker's own folder: job folders, cache. Its path must be open (x) to the sandbox's user.
        cache_bytes: how much the dataset cache may hold.
        data: a folder of the worker's own that programs see read-only at /app/data.
        max_wall_seconds, max_memory_bytes, max_disk_bytes, max_shm_bytes, max_cpus, max_processes: ceilings on what a
            phase asks for, for each program.
        network_disabled: refuse network to programs even where the phase allows it.
        host_network: let bubblewrap share the host's network with programs whose phase allows network.
        http_proxy, https_proxy: given to programs that have network.
        environments: (image glob, folder) pairs for the bubblewrap and process engines; the first match wins.
        default_environment: folder of the scientific environment used when no glob matches.
        container_socket: address of the Docker Engine API.
        pull_policy: "missing", "always" or "never": when an image is fetched.
        images_bytes: how much the images that the worker pulled may hold; None: they stay.
        registry_file: Docker's config.json with the logins of private registries.
        registry_logins: (registry, user, password); never logged.
        registries: those that images may be pulled from, () for any.
        min_free_bytes: below this much free disk where jobs are done the worker takes none.
        gpus: which GPUs programs get, e.g. "all"; None for none.
        url_rewrite: (from, to) prefix rewrite for file addresses, for split-horizon networks.
        keep_job_folders: leave job folders behind, for debugging.
        uid_base: the first host user that programs run as when the worker is root; one per slot.
        recheck_seconds: how long a worker that may take no job waits before it looks again.
        wait_seconds: how long the platform may hold a claim open.
    """

    server: str
    token: str = field(repr=False)
    broker: str = field(default="", repr=False)
    broker_tls: bool = False
    slots: int = field(default_factory=lambda: os.cpu_count() or 1)
    name: str = ""
    engine: str = "auto"
    unsafe: bool = False
    work: Path = field(default_factory=_default_work_folder)
    cache_bytes: int = 10 * GIB
    data: Path | None = None
    max_wall_seconds: float | None = None
    max_memory_bytes: int | None = None
    max_disk_bytes: int | None = None
    max_shm_bytes: int | None = None
    max_cpus: float | None = None
    max_processes: int | None = None
    network_disabled: bool = False
    host_network: bool = False
    http_proxy: str | None = None
    https_proxy: str | None = None
    environments: tuple[tuple[str, Path], ...] = ()
    default_environment: Path | None = None
    container_socket: str | None = None
    pull_policy: PullPolicy = "missing"
    images_bytes: int | None = None
    registry_file: Path | None = None
    registry_logins: tuple[tuple[str, str, str], ...] = field(default=(), repr=False)
    registries: tuple[str, ...] = ()
    min_free_bytes: int = GIB
    gpus: str | None = None
    url_rewrite: tuple[str, str] | None = None
    keep_job_folders: bool = False
    uid_base: int = 20000
    wait_seconds: float = 20.0
    recheck_seconds: float = 5.0
    retries: Retries = field(default_factory=Retries)

    def __post_init__(self) -> None:
        if self.slots < 1:
            raise SettingsError(f"A worker needs at least one slot, not {self.slots}. Set PODIUM_WORKER_SLOTS to 1.")
        if self.broker and not self.broker.startswith(("amqp://", "amqps://", "pyamqp://")):
            raise SettingsError(
                "The broker's address must start with amqp:// or amqps://. Copy it from the queue's page and give it "
                "as --broker or in BROKER_URL."
            )
        if self.broker and not self.server:
            return  # its messages say where the platform is
        if not self.server.startswith(("http://", "https://")):
            raise SettingsError(
                f"The platform's address must start with http:// or https://, not {self.server!r}. "
                "Give it as --server https://podium.example.org or in PODIUM_WORKER_SERVER."
            )
        if not self.token and not self.broker:
            raise SettingsError(
                "The worker has no queue token. Copy it from the queue's page and give it as --token "
                "or in PODIUM_WORKER_TOKEN."
            )
        if self.gpus and (self.engine == "bubblewrap" or (self.engine == "auto" and not self.container_socket)):
            raise SettingsError(
                "bubblewrap gives programs no GPU. Use a container engine (PODIUM_WORKER_CONTAINER_SOCKET), or leave "
                "PODIUM_WORKER_GPUS out."
            )

    @classmethod
    def from_environment(cls, environ: Mapping[str, str] | None = None, **given: object) -> WorkerSettings:
        """Read the settings from environment variables; what is `given` (and not None) wins.

        Besides PODIUM_WORKER_* the names of Codabench's compute worker are understood, so its .env file works.

        Raises:
            SettingsError: a variable cannot be understood, or server or token are missing.
        """
        values = _read(os.environ if environ is None else environ)
        values.update({key: value for key, value in given.items() if value is not None})
        if values.get("token") and given.get("broker") is None:
            values.pop("broker", None)  # BROKER_URL may be there for others; a queue's token says what is meant
        values.setdefault("server", "")
        values.setdefault("token", "")
        return cls(**values)  # type: ignore[arg-type]


def _number(text: str) -> float:
    value = float(text)
    if not value > 0:
        raise ValueError("it must be above zero")
    return value


def _gigabytes(text: str) -> int:
    return int(_number(text) * GIB)


def _count(text: str) -> int:
    value = int(text)
    if value < 1:
        raise ValueError("it must be 1 or more")
    return value


def _flag(text: str) -> bool:
    word = text.strip().lower()
    if word in {"1", "true", "yes", "on"}:
        return True
    if word in {"0", "false", "no", "off", ""}:
        return False
    raise ValueError("it must be true or false")


def _rewrite(text: str) -> tuple[str, str]:
    before, bar, after = text.partition("|")
    if not bar or not before:
        raise ValueError("it must look like FROM|TO")
    return before, after


def _environments(text: str) -> tuple[tuple[str, Path], ...]:
    pairs = []
    for item in filter(None, (part.strip() for part in text.split(";"))):
        glob, equals, folder = item.partition("=")
        if not equals or not glob or not folder:
            raise ValueError("it must look like GLOB=FOLDER;GLOB=FOLDER")
        pairs.append((glob.strip(), Path(folder.strip())))
    return tuple(pairs)


def _pull_policy(text: str) -> str:
    if text not in get_args(PullPolicy):
        raise ValueError(f"it must be one of {', '.join(get_args(PullPolicy))}")
    return text


def _logins(text: str) -> tuple[tuple[str, str, str], ...]:
    logins = []
    for item in text.split():
        registry, equals, login = item.partition("=")
        user, colon, password = login.partition(":")
        if not (registry and equals and user and colon and password):
            raise ValueError("it must look like REGISTRY=USER:PASSWORD, more of them parted by blanks")
        logins.append((registry, user, password))
    return tuple(logins)


def _names(text: str) -> tuple[str, ...]:
    return tuple(text.replace(",", " ").split())


def _socket(text: str) -> str:
    return text if "://" in text else f"unix://{text}"


# Variable -> (setting, how to read it). Later rows win, so Podium's own names come after Codabench's.
_VARIABLES: tuple[tuple[str, str, Callable[[str], object]], ...] = (
    ("BROKER_URL", "broker", str),
    ("BROKER_USE_SSL", "broker_tls", _flag),
    ("HOST_DIRECTORY", "work", lambda text: Path(text) / "podium"),
    ("MAX_CACHE_DIR_SIZE_GB", "cache_bytes", _gigabytes),
    ("CONTAINER_SOCKET", "container_socket", _socket),
    ("COMPETITION_CONTAINER_NETWORK_DISABLED", "network_disabled", _flag),
    ("COMPETITION_CONTAINER_HTTP_PROXY", "http_proxy", str),
    ("COMPETITION_CONTAINER_HTTPS_PROXY", "https_proxy", str),
    ("WORKER_BUNDLE_URL_REWRITE", "url_rewrite", _rewrite),
    ("CODALAB_IGNORE_CLEANUP_STEP", "keep_job_folders", _flag),
    ("PODIUM_WORKER_SERVER", "server", str),
    ("PODIUM_WORKER_TOKEN", "token", str),
    ("PODIUM_WORKER_SLOTS", "slots", int),
    ("PODIUM_WORKER_NAME", "name", str),
    ("PODIUM_WORKER_ENGINE", "engine", str),
    ("PODIUM_WORKER_UNSAFE", "unsafe", _flag),
    ("PODIUM_WORKER_FOLDER", "work", Path),
    ("PODIUM_WORKER_CACHE_GB", "cache_bytes", _gigabytes),
    ("PODIUM_WORKER_DATA", "data", Path),
    ("PODIUM_WORKER_MAX_SECONDS", "max_wall_seconds", _number),
    ("PODIUM_WORKER_MAX_MEMORY_GB", "max_memory_bytes", _gigabytes),
    ("PODIUM_WORKER_MAX_DISK_GB", "max_disk_bytes", _gigabytes),
    ("PODIUM_WORKER_MAX_SHARED_MEMORY_GB", "max_shm_bytes", _gigabytes),
    ("PODIUM_WORKER_MAX_CPUS", "max_cpus", _number),
    ("PODIUM_WORKER_MAX_PROCESSES", "max_processes", _count),
    ("PODIUM_WORKER_NETWORK_DISABLED", "network_disabled", _flag),
    ("PODIUM_WORKER_HOST_NETWORK", "host_network", _flag),
    ("PODIUM_WORKER_ENVIRONMENTS", "environments", _environments),
    ("PODIUM_WORKER_DEFAULT_ENVIRONMENT", "default_environment", Path),
    ("PODIUM_WORKER_CONTAINER_SOCKET", "container_socket", _socket),
    ("PODIUM_WORKER_PULL_POLICY", "pull_policy", _pull_policy),
    ("PODIUM_WORKER_IMAGES_GB", "images_bytes", _gigabytes),
    ("PODIUM_WORKER_REGISTRY_FILE", "registry_file", Path),
    ("PODIUM_WORKER_REGISTRY_LOGINS", "registry_logins", _logins),
    ("PODIUM_WORKER_REGISTRIES", "registries", _names),
    ("PODIUM_WORKER_MIN_FREE_DISK_GB", "min_free_bytes", _gigabytes),
    ("PODIUM_WORKER_GPUS", "gpus", str),
    ("PODIUM_WORKER_KEEP_JOBS", "keep_job_folders", _flag),
    ("PODIUM_WORKER_UID_BASE", "uid_base", int),
)


_SECRET = {"token", "broker", "registry_logins"}


def _read(environ: Mapping[str, str]) -> dict[str, object]:
    values: dict[str, object] = {}
    if environ.get("CONTAINER_ENGINE_EXECUTABLE") or environ.get("CONTAINER_SOCKET"):
        values["engine"] = "docker"  # Codabench's worker knows container engines only; Podman speaks Docker's API
    if environ.get("HOST_DIRECTORY"):
        values["data"] = Path(environ["HOST_DIRECTORY"]) / "data"
    try:
        if _flag(environ.get("USE_GPU", "")):
            values["gpus"] = environ.get("GPU_DEVICE") or "all"
    except ValueError as error:
        raise SettingsError(f"USE_GPU={environ['USE_GPU']!r} cannot be used: {error}.") from error
    for variable, setting, read in _VARIABLES:
        text = environ.get(variable)
        if not text:
            continue
        try:
            values[setting] = read(text)
        except ValueError as error:
            shown = "(hidden)" if setting in _SECRET else repr(text)
            raise SettingsError(f"{variable}={shown} cannot be used: {error}.") from error
    return values
