"""The system calls that a program in a bubblewrap sandbox may not make: a filter that the kernel applies to it.

Namespaces and dropped capabilities already hold what a program can reach; the filter takes the kernel's rarely used and
often broken doors away, as container engines do. It forbids what Docker's default profile forbids an unprivileged
program and what has no use in an evaluation, and lets everything else pass.

libseccomp knows the numbers of each processor and compiles the filter. It is called directly: the few functions needed
are stable since 2012, and the Python bindings of it on PyPI are not kept up.
"""

from __future__ import annotations

import ctypes
import errno
import json
import os
import socket
from functools import cache
from pathlib import Path
from typing import Any

from podium.sandbox.contract import SandboxError

FORBIDDEN = (
    # Other namespaces, and mounting: the first step of most ways out of a sandbox.
    "unshare setns mount umount umount2 mount_setattr move_mount open_tree fsopen fsconfig fsmount fspick pivot_root",
    # Programs loaded into the kernel, its modules and its next image.
    "bpf create_module init_module finit_module delete_module query_module get_kernel_syms kexec_load kexec_file_load",
    # Keyrings are no part of any namespace.
    "add_key request_key keyctl",
    # Large and often broken: performance counters, faults handled by programs, queues of system calls.
    "perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register",
    # Other processes' memory and descriptors, the sandbox's own first process included.
    "ptrace process_vm_readv process_vm_writev process_madvise pidfd_getfd kcmp move_pages",
    # Files by handle, past the mounts; watching whole file systems.
    "name_to_handle_at open_by_handle_at fanotify_init lookup_dcookie",
    # The machine itself: clock, swap, accounting, quotas, log, ports, power.
    "settimeofday stime clock_settime clock_adjtime swapon swapoff acct quotactl quotactl_fd syslog ioperm iopl reboot",
    "nfsservctl uselib ustat sysfs vhangup vm86 vm86old",
)

UNCOUNTED = "memfd_create memfd_secret shmget"
"""Memory that belongs to no process: forbidden where no control group counts it."""

# <linux/sched.h>: new mount, cgroup, UTS, IPC, user, process and network namespaces.
_NEW_NAMESPACES = (0x00020000, 0x02000000, 0x04000000, 0x08000000, 0x10000000, 0x20000000, 0x40000000)

FAMILIES = (socket.AF_UNIX, socket.AF_INET, socket.AF_INET6, socket.AF_NETLINK)
"""Kinds of sockets that belong to the network namespace; AF_VSOCK, say, would reach the hypervisor from any."""

# <seccomp.h>
_ALLOW = 0x7FFF0000
_ERRNO = 0x00050000
_EQUAL, _GREATER, _MASKED_EQUAL = 4, 6, 7
_UNKNOWN = -1


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("operator", ctypes.c_int),
        ("first", ctypes.c_uint64),
        ("second", ctypes.c_uint64),
    )


@cache
def compiled_filter(*, limited: bool) -> bytes:
    """The filter for this machine's processor, as bubblewrap's --seccomp takes it.

    `limited` says that a control group holds the program's memory, so that it may have memory of every kind.
    Raises SandboxError when libseccomp is not installed or refuses.
    """
    library = _library()
    context = library.seccomp_init(_ALLOW)
    if not context:
        raise SandboxError("libseccomp could not begin a filter.")
    try:
        for line in FORBIDDEN:
            for name in line.split():
                _forbid(library, context, name, errno.EPERM)
        for name in () if limited else UNCOUNTED.split():
            _forbid(library, context, name, errno.ENOSYS)
        # The flags of clone3 are out of a filter's sight. Without it, the C library uses clone.
        _forbid(library, context, "clone3", errno.ENOSYS)
        place = 1 if os.uname().machine.startswith("s390") else 0
        for flag in _NEW_NAMESPACES:
            _forbid(library, context, "clone", errno.EPERM, _Comparison(place, _MASKED_EQUAL, flag, flag))
        highest = max(FAMILIES)
        for family in set(range(highest)) - set(FAMILIES):
            _forbid(library, context, "socket", errno.EAFNOSUPPORT, _Comparison(0, _EQUAL, family, 0))
        _forbid(library, context, "socket", errno.EAFNOSUPPORT, _Comparison(0, _GREATER, highest, 0))
        return _exported(library, context)
    finally:
        library.seccomp_release(context)


PODMAN_PROFILES = (Path("/etc/containers/seccomp.json"), Path("/usr/share/containers/seccomp.json"))
"""Where Podman's own profile is; the first that is there is the one that it uses."""


def podman_profile() -> str | None:
    """Podman's own profile with what is forbidden here, as JSON; None where there is none to begin with.

    Podman lets programs make namespaces of their own, and with them has the kernel's code for mounts and networks in
    reach of what calls itself root there. The form is that of the runtime specification, `linux.seccomp`.
    """
    found = next((path for path in PODMAN_PROFILES if path.is_file()), None)
    if found is None:
        return None
    profile: dict[str, Any] = json.loads(found.read_text())
    forbidden = [name for line in FORBIDDEN for name in line.split()]
    ours = {*forbidden, "clone", "clone3"}
    rules = [{**rule, "names": [name for name in rule["names"] if name not in ours]} for rule in profile["syscalls"]]
    place = 1 if os.uname().machine.startswith("s390") else 0
    rules = [rule for rule in rules if rule["names"]]
    rules += [_refused(forbidden, errno.EPERM), _refused(["clone3"], errno.ENOSYS)]
    rules += [_refused(["clone"], errno.EPERM, _masked(place, flag, flag)) for flag in _NEW_NAMESPACES]
    allowed = {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [_masked(place, sum(_NEW_NAMESPACES), 0)]}
    return json.dumps({**profile, "syscalls": [*rules, allowed]})


def _refused(names: list[str], error: int, *args: dict[str, Any]) -> dict[str, Any]:
    return {"names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": error, "args": list(args)}


def _masked(place: int, mask: int, wanted: int) -> dict[str, Any]:
    return {"index": place, "value": mask, "valueTwo": wanted, "op": "SCMP_CMP_MASKED_EQ"}


def _library() -> ctypes.CDLL:
    try:
        library = ctypes.CDLL("libseccomp.so.2", use_errno=True)
    except OSError:
        raise SandboxError(
            "libseccomp is not installed, so system calls cannot be filtered. Install the package `libseccomp2`."
        ) from None
    library.seccomp_init.argtypes, library.seccomp_init.restype = [ctypes.c_uint32], ctypes.c_void_p
    library.seccomp_release.argtypes, library.seccomp_release.restype = [ctypes.c_void_p], None
    library.seccomp_syscall_resolve_name.argtypes = [ctypes.c_char_p]
    library.seccomp_rule_add_array.argtypes = [
        ctypes.c_void_p,
        ctypes.c_uint32,
        ctypes.c_int,
        ctypes.c_uint,
        ctypes.POINTER(_Comparison),
    ]
    library.seccomp_export_bpf.argtypes = [ctypes.c_void_p, ctypes.c_int]
    return library


def _forbid(library: ctypes.CDLL, context: int, name: str, error: int, *conditions: _Comparison) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number == _UNKNOWN:
        return  # an older libseccomp does not know a younger system call
    array = (_Comparison * max(1, len(conditions)))(*conditions)
    answer = library.seccomp_rule_add_array(context, _ERRNO | error, number, len(conditions), array)
    if answer < 0:
        raise SandboxError(f"libseccomp refused to forbid {name}: {os.strerror(-answer)}.")


def _exported(library: ctypes.CDLL, context: int) -> bytes:
    with os.fdopen(os.memfd_create("podium-seccomp"), "w+b") as file:
        answer = library.seccomp_export_bpf(context, file.fileno())
        if answer < 0:
            raise SandboxError(f"libseccomp could not compile the filter: {os.strerror(-answer)}.")
        file.seek(0)
        return file.read()


def open_filter(*, limited: bool) -> int:
    """A fresh descriptor to read the filter from, as each run of bubblewrap needs one of its own."""
    descriptor = os.memfd_create("podium-seccomp")
    try:
        os.write(descriptor, compiled_filter(limited=limited))
        os.lseek(descriptor, 0, os.SEEK_SET)
    except BaseException:
        os.close(descriptor)
        raise
    return descriptor
