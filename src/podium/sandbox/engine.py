"""The container engine: blocking calls of the Docker Engine API, made in threads of their own."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import socket as sockets
import threading
import time
from collections.abc import Callable, Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ParamSpec, TypeVar

import docker
import docker.errors
import requests.exceptions
import urllib3.exceptions

from podium.sandbox import wording
from podium.sandbox.config import SandboxConfig
from podium.sandbox.contract import ImageError, ImageInfo, SandboxError
from podium.sandbox.images import PulledImages
from podium.sandbox.registries import Credentials
from podium.sandbox.seccomp import podman_profile

logger = logging.getLogger(__name__)

ENGINE_ERRORS = (
    docker.errors.DockerException,
    requests.exceptions.RequestException,
    urllib3.exceptions.HTTPError,  # in the middle of an answer
    OSError,
)
"""What a call to the engine may raise when the engine is away or refuses."""

CALL_SECONDS = 120
PULL_SECONDS = 3600
PULL_SILENT_SECONDS = 600
"""How long an engine may say nothing while it pulls."""
_THREADS = 16
_HTTP_CONFLICT = 409

P = ParamSpec("P")
T = TypeVar("T")


@dataclass(frozen=True)
class EngineFacts:
    """What is asked of an engine once: whether it is Podman, and whether it runs without root.

    profile: the file that says which system calls programs may make, where the engine's own is not enough.
    """

    podman: bool
    rootless: bool
    profile: Path | None = None


class _PullClient(docker.APIClient):
    """A client that waits for a line of a pull only so long; the client's own `pull` waits without end."""

    def send(self, request: Any, **options: Any) -> Any:
        """Send a request of requests' sessions."""
        return super().send(request, **{**options, "timeout": options.get("timeout") or PULL_SILENT_SECONDS})


class Engine:
    """Calls one engine. Each thread has its own client: a client's connections are not made to be shared.

    Raises SandboxError when no socket is configured and none is found, or when its address is of a kind that output
    cannot be streamed from (TLS, ssh).
    """

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.address = config.container_socket or _find_socket()
        if not self.address.startswith(("unix://", "tcp://", "http://")):
            raise SandboxError(
                f'The container socket "{self.address}" is of a kind that Podium cannot use. '
                "Give it as unix:///path/to/docker.sock or tcp://host:port."
            )
        self._local = threading.local()
        self._clients: list[docker.APIClient] = []
        self._version: str | None = None
        self._facts: EngineFacts | None = None
        self._lock = threading.Lock()
        logins = {registry: (user, password) for registry, user, password in config.registry_logins}
        self.pulled = PulledImages(config.state_folder / "images.json")
        self._credentials = Credentials(config.registry_file, logins)
        self._threads = ThreadPoolExecutor(_THREADS, thread_name_prefix="podium-engine")

    async def call(self, function: Callable[P, T], *args: P.args, **kwargs: P.kwargs) -> T:
        """Runs a blocking call in one of the engine's threads."""
        return await asyncio.get_running_loop().run_in_executor(self._threads, lambda: function(*args, **kwargs))

    def close(self) -> None:
        """Closes all connections; calls must have ended."""
        self._threads.shutdown(wait=True)
        for client in self._clients:
            client.close()
        self._clients.clear()

    @property
    def client(self) -> Any:
        """This thread's client (docker.APIClient, whose type stubs lack many of its methods)."""
        found: docker.APIClient | None = getattr(self._local, "client", None)
        if found is None:
            with self._lock:
                found = docker.APIClient(self.address, version=self._version or "auto", timeout=CALL_SECONDS)
                self._version = found.api_version
                self._clients.append(found)
            self._local.client = found
        return found

    def about(self) -> str:
        """The engine's name and version, as a sentence."""
        version = self.client.version()
        facts = self.facts()
        who = "Podman" if facts.podman else "Docker"
        return f"{who} {version.get('Version', '?')} at {self.address}{', without root' if facts.rootless else ''}"

    def facts(self) -> EngineFacts:
        """What kind of engine it is, asked once."""
        if self._facts is None:
            components = self.client.version().get("Components") or []
            options = self.client.info().get("SecurityOptions") or []
            podman = any("Podman" in str(component.get("Name")) for component in components)
            rootless = any("rootless" in str(option) for option in options)
            self._facts = EngineFacts(podman, rootless, self._profile() if podman else None)
        return self._facts

    def _profile(self) -> Path | None:
        profile = podman_profile()
        if profile is None:
            logger.warning("programs may make namespaces: Podman's own profile of system calls was not found")
            return None
        file = self.config.state_folder / "seccomp.json"
        file.parent.mkdir(parents=True, exist_ok=True)
        fresh = file.with_suffix(f".{os.getpid()}")
        with self._lock:  # several runs of this process may ask at once
            fresh.write_text(profile)
            return fresh.replace(file)

    def ensure_image(self, name: str) -> ImageInfo:
        """Has an image at hand as the pull policy says. Raises ImageError."""
        policy = self.config.pull_policy
        try:
            present = self._inspect_image(name)
            if policy == "never" and present is None:
                raise ImageError(f'The image "{name}" is not on this machine, and the worker may not pull images.')
            if present is not None and policy != "always":
                self.pulled.used(name)
                return ImageInfo(name, _digest(present))
            self._refuse_registry(name)
            self._pull(name)
            pulled = self._inspect_image(name)
        except ENGINE_ERRORS as error:
            logger.warning("the image %s could not be had: %s", name, plain(error))
            raise ImageError(f'The image "{name}" could not be had: {reason_of(error)}') from error
        if pulled is None:
            raise ImageError(f'The image "{name}" was pulled, but the engine does not know it by that name.')
        self.pulled.pulled(name, int(pulled.get("Size") or 0))
        return ImageInfo(name, _digest(pulled), pulled=True)

    def prune(self, keep_bytes: int, in_use: Collection[str]) -> int:
        """Removes images that this worker pulled, the least recently used first, until they hold no more than that.

        in_use: names that stay. What a container of anybody's uses stays as well. Returns how many bytes were freed.
        """
        freed = 0
        for name, size in self.pulled.oldest_first():
            if self.pulled.total_bytes <= keep_bytes:
                break
            if name in in_use:
                continue
            try:
                self.client.remove_image(name)
            except docker.errors.NotFound:  # Podman's words are not those by which ImageNotFound is told
                size = 0  # noqa: PLW2901 - somebody else has removed it
            except ENGINE_ERRORS as error:
                logger.info("the image %s stays: %s", name, plain(error))
                continue
            self.pulled.forget(name)
            freed += size
        return freed

    def _inspect_image(self, name: str) -> dict[str, Any] | None:
        try:
            found: dict[str, Any] = self.client.inspect_image(name)
        except docker.errors.ImageNotFound:
            return None
        return found

    def _refuse_registry(self, name: str) -> None:
        registry, _ = docker.auth.resolve_repository_name(_split_tag(name)[0])
        allowed = self.config.registries
        if allowed and registry not in allowed:
            raise ImageError(
                f'The image "{name}" is not from a registry that this worker pulls from: {", ".join(allowed)}.'
            )

    def _pull(self, name: str) -> None:
        repository, tag = _split_tag(name)
        for attempt in range(1, self.config.pull_attempts + 1):
            try:
                return self._pull_once(repository, tag)
            except docker.errors.NotFound:
                raise  # asking again does not make it exist
            except ENGINE_ERRORS as error:
                if attempt == self.config.pull_attempts:
                    raise
                logger.warning("pull %d of %s failed: %s", attempt, name, plain(error))
                time.sleep(self.config.pull_pause_seconds)
        return None

    def _pull_once(self, repository: str, tag: str) -> None:
        login = self._credentials.for_image(repository)
        with contextlib.closing(_PullClient(self.address, version=self._version or "auto")) as client:
            end = time.monotonic() + PULL_SECONDS
            for line in client.pull(repository, tag=tag, stream=True, decode=True, auth_config=login):
                if "error" in line:
                    raise docker.errors.DockerException(str(line["error"]))
                if time.monotonic() > end:
                    raise docker.errors.DockerException(f"it did not come within {PULL_SECONDS} seconds")

    def create(self, name: str, options: dict[str, Any]) -> str:
        """Creates a container and returns its id; one that a killed worker left under the name is removed.

        Volumes that the image declares are read-only in it, with what the image has there: nothing would hold the disk
        limit in them. An image that was removed since it was prepared is had again. Raises ImageError when it cannot.
        """
        container = self._create(name, options)
        # Of the container, not of the image: another may have come under its name since it was prepared.
        if declared := self._writable_volumes(container):
            self.remove(container)
            volumes = [{"Type": "volume", "Target": target, "ReadOnly": True} for target in declared]
            host = options["HostConfig"]
            container = self._create(name, {**options, "HostConfig": {**host, "Mounts": [*host["Mounts"], *volumes]}})
            if left := self._writable_volumes(container):
                self.remove(container)
                raise SandboxError(f"The engine made {left[0]} of the image writable, where no limit of disk holds.")
        return container

    def _writable_volumes(self, container: str) -> list[str]:
        mounts = self.client.inspect_container(container).get("Mounts") or []
        return [str(each["Destination"]) for each in mounts if each.get("Type") == "volume" and each.get("RW")]

    def _create(self, name: str, options: dict[str, Any]) -> str:
        try:
            created = self.client.create_container_from_config(options, name)
        except docker.errors.NotFound:
            self.ensure_image(str(options["Image"]))
            created = self.client.create_container_from_config(options, name)
        except docker.errors.APIError as error:
            if "seccomp profile" in plain(error) and self.facts().profile is not None:
                return self._create_without_profile(name, options, error)
            # Podman answers 500 with these words where Docker answers 409.
            if error.status_code != _HTTP_CONFLICT and "already in use" not in plain(error):
                raise
            self.remove(name)
            created = self.client.create_container_from_config(options, name)
        return str(created["Id"])

    def _create_without_profile(self, name: str, options: dict[str, Any], error: BaseException) -> str:
        """Where the engine does not see the worker's files, its own profile has to do."""
        logger.warning("programs may make namespaces: %s", plain(error))
        self._facts = replace(self.facts(), profile=None)
        host = options["HostConfig"]
        kept = [each for each in host["SecurityOpt"] if not each.startswith("seccomp=")]
        return self._create(name, {**options, "HostConfig": {**host, "SecurityOpt": kept}})

    def attach(self, container: str) -> sockets.socket:
        """Opens a container's output stream, to be read frame by frame; call it before the start."""
        raw = self.client.attach_socket(container, {"stdout": 1, "stderr": 1, "stream": 1, "logs": 0})
        # The stream stays open as long as the program: a descriptor of our own outlives the client's bookkeeping. The
        # client hangs the response, which owns the connection, on the socket that it returns.
        stream = sockets.socket(fileno=os.dup(raw.fileno()))
        stream.setblocking(False)
        raw._response.close()
        raw.close()
        return stream

    def start(self, container: str) -> dict[str, Any]:
        """Starts a container and returns its state."""
        self.client.start(container)
        return self.state(container)

    def state(self, container: str) -> dict[str, Any]:
        """A container's state (Status, ExitCode, OOMKilled, Pid, ...)."""
        found: dict[str, Any] = self.client.inspect_container(container)["State"]
        return found

    def signal(self, container: str, name: str) -> None:
        """Sends a signal to a container's first process; none if it has ended."""
        with contextlib.suppress(docker.errors.APIError):
            self.client.kill(container, name)

    def remove(self, container: str) -> None:
        """Removes a container, running or not; it is no error if there is none."""
        with contextlib.suppress(docker.errors.NotFound):
            self.client.remove_container(container, force=True, v=True)

    def labelled(self, label: str, value: str) -> list[dict[str, Any]]:
        """All containers with a label."""
        found: list[dict[str, Any]] = self.client.containers(all=True, filters={"label": f"{label}={value}"})
        return found


def plain(error: BaseException) -> str:
    """An engine's error as a sentence, without the client's wrapping."""
    explanation = getattr(error, "explanation", None)
    return str(explanation or error).strip()[:500]


def reason_of(error: BaseException) -> str:
    """Why an image could not be had, for who names images: the engine's own words tell of the network it stands in."""
    words = plain(error).lower()
    if isinstance(error, docker.errors.NotFound) or "manifest unknown" in words or "name unknown" in words:
        return "its registry has no such image."
    if any(each in words for each in ("unauthorized", "denied", "authentication required")):
        return "there is no such image, or its registry asks for a login that this worker does not have."
    return "its registry could not be reached, or did not answer as a registry does."


def unstartable(error: BaseException) -> int | None:
    """The shells' exit code for a command that does not exist (127) or may not be executed (126), else None.

    The engines tell it only in words, at the start or, Podman, when the output is attached before it.
    """
    words = plain(error)
    if "executable file not found" in words or ("exec" in words and "no such file or directory" in words):
        return wording.EXIT_NOT_FOUND
    if "exec" in words and "permission denied" in words:
        return wording.EXIT_NOT_EXECUTABLE
    return None


def _digest(image: dict[str, Any]) -> str:
    """The digest that names an image everywhere if it has one (pulled), else its local id."""
    for repository_digest in image.get("RepoDigests") or []:
        return str(repository_digest).rpartition("@")[2]
    identity = str(image["Id"])
    return identity if identity.startswith("sha256:") else f"sha256:{identity}"


def _split_tag(name: str) -> tuple[str, str]:
    """Splits "registry:5000/name:tag" or "name@sha256:..." as the engine wants it; the tag is "latest" by default."""
    if "@" in name:
        repository, _, digest = name.partition("@")
        return repository, digest
    head, _, last = name.rpartition("/")
    repository, _, tag = last.partition(":")
    return (f"{head}/{repository}" if head else repository), tag or "latest"


def _find_socket() -> str:
    if os.environ.get("DOCKER_HOST"):
        return os.environ["DOCKER_HOST"]
    for path in (
        Path("/var/run/docker.sock"),
        Path("/run/podman/podman.sock"),
        Path(f"/run/user/{os.getuid()}/podman/podman.sock"),
    ):
        if path.exists():
            return f"unix://{path}"
    raise SandboxError(
        "No container engine was found. Set CONTAINER_SOCKET to its socket, for example unix:///var/run/docker.sock."
    )
