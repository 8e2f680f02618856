"""What `podium doctor` finds out about sandboxes, by trying them."""

from __future__ import annotations

import os
import shutil
import uuid
from pathlib import Path

from podium.sandbox.contract import Cause, Check, Limits, Sandbox, Spec

_APPARMOR_SWITCH = Path("/proc/sys/kernel/apparmor_restrict_unprivileged_userns")
_CLONE_SWITCH = Path("/proc/sys/kernel/unprivileged_userns_clone")
_COUNT_SWITCH = Path("/proc/sys/user/max_user_namespaces")


async def trial(sandbox: Sandbox) -> Check:
    """Runs the smallest program there is."""
    spec = Spec(argv=("true",), name=f"doctor-{uuid.uuid4().hex[:12]}", workdir="/", limits=Limits(wall_seconds=30))
    result = await sandbox.run(spec)
    if result.cause is Cause.OK:
        return Check("sandbox", True, f"a program ran in {result.wall_seconds * 1000:.0f} ms ({sandbox.name})")
    return Check("sandbox", False, result.detail, user_namespace_mend())


async def check_bubblewrap(sandbox: Sandbox, *, limited: bool, note: str) -> list[Check]:
    """Tries bubblewrap for real, and says as whom programs run and what holds their limits."""
    ran = await trial(sandbox)
    who = "an unprivileged host user per slot" if os.geteuid() == 0 else "the worker's own user, in a user namespace"
    return [
        Check("bubblewrap", True, f"{shutil.which('bwrap')}"),
        ran,
        namespaces(works=ran.ok),
        Check("sandbox user", True, f"programs run as {who}"),
        Check(
            "limits",
            True,
            f"memory, processes and CPU {f'by {note}' if limited else f'by rlimits and a watchdog: {note}'}; "
            "time, disk and output by the worker",
            ""
            if limited
            else "For exact memory and CPU limits run the worker as a service with Delegate=yes, or as root.",
        ),
    ]


def namespaces(*, works: bool) -> Check:
    """Says whether ordinary users may make user namespaces; works: whether a sandbox has been made all the same."""
    mend = user_namespace_mend()
    if mend and not works:
        return Check("namespaces", False, "user namespaces are forbidden to ordinary users", mend)
    if mend:
        return Check("namespaces", True, "forbidden to ordinary users in general, allowed to bubblewrap")
    if os.geteuid() == 0:
        return Check("namespaces", works, "made as root, which needs no user namespace of its own")
    return Check("namespaces", works, "user namespaces are allowed to ordinary users")


def user_namespace_mend() -> str:
    """What to do where the kernel forbids user namespaces, by the switch that forbids them; empty if none does."""
    if os.geteuid() == 0:
        return ""
    for switch, forbidden, command in (
        (_APPARMOR_SWITCH, "1", "sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"),
        (_CLONE_SWITCH, "0", "sysctl -w kernel.unprivileged_userns_clone=1"),
        (_COUNT_SWITCH, "0", "sysctl -w user.max_user_namespaces=15000"),
    ):
        if switch.is_file() and switch.read_text().strip() == forbidden:
            return (
                f"This system forbids user namespaces to ordinary users ({switch}). As root run: {command} (and put it "
                "into /etc/sysctl.d to keep it), or allow bwrap alone by an AppArmor profile, or use the docker engine."
            )
    return ""
