"""The docker backend: containers by the Docker Engine API, which Docker and Podman both serve.

The states of a run, in their order: the container is created, its output attached, then started, so that nothing that
it prints is lost; it has ended when its output ends and the engine says so; then it is removed, behind the caller's
back, for that takes the engine longest. A container that a killed worker left is found by its labels.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections import Counter
from pathlib import Path
from typing import Any

from podium.sandbox import folders, wording
from podium.sandbox.config import SandboxConfig
from podium.sandbox.container_options import LABEL_NAME, LABEL_OWNER, container_options
from podium.sandbox.container_reins import ContainerReins, result_of
from podium.sandbox.contract import Cause, Check, ImageError, ImageInfo, OutputCallback, Result, SandboxError, Spec
from podium.sandbox.doctor import trial
from podium.sandbox.engine import ENGINE_ERRORS, Engine, plain, unstartable
from podium.sandbox.supervise import DiskWatch, OutputMeter, Supervisor, uninterrupted

logger = logging.getLogger(__name__)

_REMOVAL_PAUSE = 0.25
"""Seconds between a run's end and its container's removal, which would else compete with what comes of the run."""


class DockerSandbox:
    """Runs commands in containers of the engine behind `config.container_socket`.

    Without a socket setting the usual places are looked at: DOCKER_HOST, Docker's socket, Podman's (root's and the
    user's own). Raises SandboxError when none is there.
    """

    name = "docker"

    def __init__(self, config: SandboxConfig) -> None:
        self.config = config
        self.engine = Engine(config)
        self._running: set[str] = set()
        self._removals: set[asyncio.Task[None]] = set()
        self._pulls: dict[str, asyncio.Lock] = {}
        self._images: Counter[str] = Counter()

    def host_uid(self, slot: int) -> int:
        """The host user that programs of a slot run as, so that they can write the folders they are given."""
        return self.config.uid_base + slot if os.geteuid() == 0 else os.geteuid()

    async def prepare(self, image: str | None) -> ImageInfo:
        """Pulls an image as the pull policy says, and tells its digest; see the contract."""
        name = image or self.config.default_image
        async with self._pulls.setdefault(name, asyncio.Lock()):
            found = await self.engine.call(self.engine.ensure_image, name)
        if found.pulled and self.config.images_bytes is not None:
            await self.engine.call(self.engine.prune, self.config.images_bytes, {name, *+self._images})
        return found

    async def give_back_disk(self) -> int:
        """Removes the images that were pulled and that no run uses; see the contract."""
        return await self.engine.call(self.engine.prune, 0, set(+self._images))

    async def run(self, spec: Spec, on_output: OutputCallback | None = None) -> Result:
        """Runs a command in a container to its end; see the contract."""
        name = spec.image or self.config.default_image
        self._images[name] += 1
        try:
            return await self._run_in(spec, on_output)
        finally:
            self._images[name] -= 1

    async def _run_in(self, spec: Spec, on_output: OutputCallback | None) -> Result:
        try:
            image = spec.prepared or await self.prepare(spec.image)
        except ImageError as error:
            return Result(Cause.IMAGE_PULL, detail=str(error))
        self._running.add(spec.name)
        try:
            return await self._run(spec, image, on_output)
        except SandboxError as error:
            return Result(Cause.PLATFORM, detail=str(error), image_digest=image.digest)
        except ENGINE_ERRORS as error:
            if (exit_code := unstartable(error)) is not None:
                detail = wording.exit_sentence(exit_code, spec.argv[0])
                return Result(Cause.EXIT_CODE, exit_code=exit_code, detail=detail, image_digest=image.digest)
            logger.warning("container %s could not be run: %s", spec.name, plain(error))
            return Result(
                Cause.PLATFORM, detail=f"The container engine failed: {plain(error)}", image_digest=image.digest
            )
        finally:
            self._remove_behind(spec.name)

    async def _run(self, spec: Spec, image: ImageInfo, on_output: OutputCallback | None) -> Result:
        if not spec.argv:
            raise SandboxError("The command is empty.")
        meter = OutputMeter(spec.limits, on_output)
        disk = DiskWatch([mount.source for mount in spec.mounts if mount.writable], spec.limits)
        with contextlib.ExitStack() as cleanup:
            cleanup.callback(disk.close)
            if disk.active:
                await asyncio.to_thread(disk.start)
            options = await self.engine.call(self._options, spec, image)
            # A create or start that is under way cannot be called off, so a cancellation waits for it.
            container = await uninterrupted(self.engine.call(self.engine.create, self._name(spec.name), options))
            socket = await uninterrupted(self.engine.call(self.engine.attach, container))
            reins = ContainerReins(self.engine, container, socket, spec.limits, disk)
            cleanup.callback(reins.close)
            try:
                await uninterrupted(reins.start())
            except BaseException:
                await uninterrupted(reins.kill())
                raise
            ending = await Supervisor(reins, limits=spec.limits, meter=meter, disk=disk).run()
            return result_of(spec, ending, reins, meter, image)

    def _options(self, spec: Spec, image: ImageInfo) -> dict[str, Any]:
        return container_options(
            spec, image.name, owner=self.config.owner, uid=self.host_uid(spec.slot), engine=self.engine.facts()
        )

    def _name(self, name: str) -> str:
        return f"podium-{self.config.owner}-{name}"

    def _remove_behind(self, name: str) -> None:
        async def remove() -> None:
            await asyncio.sleep(_REMOVAL_PAUSE)
            try:
                await self.engine.call(self.engine.remove, self._name(name))
            except ENGINE_ERRORS as error:
                logger.warning("container %s could not be removed: %s", name, plain(error))
            finally:
                self._running.discard(name)

        task = asyncio.get_running_loop().create_task(remove())
        self._removals.add(task)
        task.add_done_callback(self._removals.discard)

    def prepare_folder(self, path: Path, slot: int) -> None:
        """Hands a folder to the containers of a slot; see the contract."""
        uid = self.host_uid(slot)
        folders.hand_over(path, uid, uid)

    def reclaim_folder(self, path: Path) -> None:
        """Takes a folder back; see the contract."""
        folders.take_back(path)

    async def sweep(self) -> int:
        """Removes containers that an earlier worker of this owner left; see the contract."""
        found = await self.engine.call(self.engine.labelled, LABEL_OWNER, self.config.owner)
        swept = 0
        for container in found:
            if container["Labels"].get(LABEL_NAME) not in self._running:
                await self.engine.call(self.engine.remove, container["Id"])
                swept += 1
        return swept

    async def check(self) -> list[Check]:
        """Asks the engine who it is, and runs a container when the default image is at hand; see the contract."""
        try:
            about = await self.engine.call(self.engine.about)
        except ENGINE_ERRORS as error:
            mend = "Start the engine, or point CONTAINER_SOCKET at its socket."
            return [Check("container engine", False, f"{self.engine.address} does not answer: {plain(error)}", mend)]
        found = [Check("container engine", True, about)]
        try:
            await self.prepare(None)
        except ImageError as error:
            found.append(Check("default image", False, str(error), "Pull it, or name another one."))
        else:
            found.append(await trial(self))
        return found

    async def aclose(self) -> None:
        """Waits for removals under way and closes the connections."""
        while self._removals:
            await asyncio.wait(set(self._removals))
        self.engine.close()
