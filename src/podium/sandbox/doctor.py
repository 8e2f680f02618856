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
    found = [Check("bubblewrap", True, f"{shutil.which('bwrap')}"), await trial(sandbox)]
    who = "an unprivileged host user per slot" if os.geteuid() == 0 else "the worker's own user, in a user namespace"
    found.append(Check("sandbox user", True, f"programs run as {who}"))
    found.append(
        Check(
            "limits",
            True,
            note if limited else f"by rlimits and a watchdog: {note}",
            ""
            if limited
            else "For exact memory and CPU limits run the worker as a service with Delegate=yes, or as root.",
        )
    )
    return found


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
