"""What `podium doctor` asks the site: whether its settings work and its services answer, by using them.

Each check is one function that returns its findings; what is not configured is not looked at. Nothing is changed, and
what is written to be read again is removed. Addresses are shown without their passwords.
"""

from __future__ import annotations

import contextlib
import re
import shutil
import smtplib
import subprocess
import time
import uuid
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Literal
from urllib.parse import urlsplit

import httpx
from django.conf import settings
from django.core.files.base import ContentFile
from django.core.files.storage import FileSystemStorage, default_storage
from django.core.mail import EmailMessage, get_connection
from django.db import DatabaseError, connection
from django.db.migrations.executor import MigrationExecutor

from podium.logs import redact_text
from podium.site.buckets import StorageAway, Store
from podium.site.buckets.remote import RemoteFile

CONNECT_SECONDS = 3
CLOCK_SECONDS = 5.0
OLDEST_POSTGRESQL = 14
"""Django 5.2's own requirement."""
_REMOTE = frozenset(
    {"nfs", "nfs4", "cifs", "smb3", "smbfs", "9p", "afs", "ceph", "glusterfs", "fuse.glusterfs", "fuse.sshfs", "lustre"}
)
_ENDPOINTS = ("authorization_endpoint", "token_endpoint", "userinfo_endpoint", "jwks_uri")
State = Literal["ok", "warn", "fail"]


@dataclass(frozen=True)
class Finding:
    """What was looked at, how it is, and how to mend it."""

    name: str
    state: State
    detail: str
    mend: str = ""


def examine(*, send_to: str = "") -> Iterator[Finding]:
    """Look at everything in turn; a check that breaks is a finding too, and keeps no other from being made."""
    checks: tuple[Callable[[], Iterable[Finding]], ...] = (
        database,
        broker,
        redis,
        storage,
        sign_in,
        lambda: mail(send_to),
    )
    for check in checks:
        try:
            yield from check()
        except Exception as error:  # noqa: BLE001 - whatever it is, the operator is told
            name = getattr(check, "__name__", "check")
            yield Finding(name, "fail", _plain(error), "This is a fault of Podium's: report it.")


def _plain(error: BaseException) -> str:
    lines = redact_text(str(error)).strip().splitlines()
    return lines[0] if lines else type(error).__name__


def _place(url: str) -> str:
    parts = urlsplit(url)
    return f"{parts.hostname or 'localhost'}{f':{parts.port}' if parts.port else ''}{parts.path}"


# --- database -----------------------------------------------------------------------------------------------------


def database() -> Iterator[Finding]:
    """Whether it answers, is new enough, tells the same time, and has the tables of this version."""
    if connection.vendor == "postgresql":
        found = _postgresql(settings.CONFIG.database_url)
    else:
        found = _sqlite(Path(str(settings.DATABASES["default"]["NAME"])))
    usable = True
    for finding in found:
        yield finding
        usable = usable and finding.state != "fail"
    exists = connection.vendor == "postgresql" or Path(str(settings.DATABASES["default"]["NAME"])).is_file()
    if usable and exists:
        yield from migrations()


def _postgresql(url: str) -> Iterator[Finding]:
    import psycopg  # noqa: PLC0415 - not needed with SQLite

    mend = "Check DATABASE_URL (postgresql://user:password@host/name) and that PostgreSQL runs and lets this user in."
    try:
        # Straight, because the pool would go on trying for half a minute.
        with psycopg.connect(url, connect_timeout=CONNECT_SECONDS) as straight:
            version = straight.info.server_version // 10000
            row = straight.execute("SELECT extract(epoch FROM clock_timestamp())::float").fetchone()
            apart = abs(time.time() - row[0]) if row else 0.0
    except psycopg.Error as error:
        yield Finding("database", "fail", f"{_place(url)}: {_plain(error)}", mend)
        return
    if version < OLDEST_POSTGRESQL:
        yield Finding("database", "fail", f"PostgreSQL {version}", f"Podium needs {OLDEST_POSTGRESQL} or later.")
        return
    yield Finding("database", "ok", f"PostgreSQL {version} at {_place(url)}")
    yield _dumps(version)
    if apart > CLOCK_SECONDS:
        mend = "Set both clocks by NTP: deadlines are compared with the database's rows."
        yield Finding("database clock", "warn", f"{apart:.0f} s apart from this machine's", mend)


def _dumps(server: int) -> Finding:
    """Whether `podium backup` can copy the database from here: pg_dump refuses servers that are newer than it is."""
    mend = f"Install PostgreSQL's client programs, version {server} or later, where `podium backup` runs."
    program = shutil.which("pg_dump")
    if program is None:
        return Finding("backup", "warn", "pg_dump is not installed here", mend)
    said = subprocess.run([program, "--version"], capture_output=True, text=True, check=False).stdout
    found = re.search(r"(\d+)(?:\.\d+)*", said)
    if found is None or int(found[1]) < server:
        told = said.strip() or "pg_dump does not say its version"
        return Finding("backup", "warn", f"{told}, and the server is PostgreSQL {server}", mend)
    return Finding("backup", "ok", said.strip())


def _sqlite(file: Path) -> Iterator[Finding]:
    kind = filesystem_of(file, Path("/proc/self/mountinfo"))
    if kind in _REMOTE:
        yield Finding(
            "database",
            "warn",
            f"{file} is on a network file system ({kind}), on which SQLite's locks cannot be relied on",
            "Put the data folder on a local disk, or use PostgreSQL (DATABASE_URL).",
        )
        return
    if not file.is_file():
        yield Finding("database", "ok", f"SQLite; {file} will be made at the first start")
        return
    try:
        with connection.cursor() as cursor:
            cursor.execute("SELECT sqlite_version(), count(*) FROM sqlite_schema")
            version, tables = cursor.fetchone()
    except DatabaseError as error:
        mend = "Restore it from a backup (docs/operators/backup.md), or look at the folder's permissions."
        yield Finding("database", "fail", f"{file}: {_plain(error)}", mend)
        return
    yield Finding("database", "ok", f"SQLite {version}, {tables} tables and indexes, at {file}")


def filesystem_of(file: Path, mountinfo: Path) -> str:
    """The type of the file system that a path is on, by the kernel's list of mounts; empty where there is none."""
    if not mountinfo.is_file():
        return ""
    best, kind = "", ""
    resolved = file.resolve()
    for line in mountinfo.read_text().splitlines():
        left, _, right = line.partition(" - ")
        point = left.split()[4].replace("\\040", " ")
        if resolved.is_relative_to(point) and len(point) >= len(best):
            best, kind = point, right.split()[0]
    return kind


def migrations() -> Iterator[Finding]:
    """Whether the tables are those of the program that runs."""
    executor = MigrationExecutor(connection)
    known = set(executor.loader.disk_migrations)
    newer = [f"{app}.{name}" for app, name in executor.loader.applied_migrations if (app, name) not in known]
    ours = {app for app, _ in known}
    newer = [name for name in newer if name.split(".")[0] in ours]
    missing = [
        f"{step.app_label}.{step.name}" for step, _ in executor.migration_plan(executor.loader.graph.leaf_nodes())
    ]
    if newer:
        mend = "Install the version that made it, or restore the backup from before the upgrade."
        yield Finding("migrations", "fail", f"the database is newer than this program ({newer[0]})", mend)
    elif missing:
        mend = "Run: podium manage migrate (podium up does it by itself at its start)"
        yield Finding("migrations", "fail", f"{len(missing)} are not applied, the first is {missing[0]}", mend)
    else:
        yield Finding("migrations", "ok", "all are applied")


# --- other services -----------------------------------------------------------------------------------------------


def broker() -> Iterator[Finding]:
    """Whether RabbitMQ lets us in, and its management API too."""
    if settings.CONFIG.broker_url is None:
        return
    from amqp.exceptions import AMQPError  # noqa: PLC0415 - only where it is used
    from kombu.connection import Connection  # noqa: PLC0415

    url = settings.CONFIG.broker_url.get_secret_value()
    mend = "Check BROKER_URL (amqp://user:password@host:port), that RabbitMQ runs and that it lets this user in."
    try:
        with Connection(url, connect_timeout=CONNECT_SECONDS) as straight:
            straight.connect()
    except (OSError, AMQPError) as error:
        yield Finding("broker", "fail", f"{_place(url)}: {_plain(error)}", mend)
        return
    yield Finding("broker", "ok", f"RabbitMQ at {_place(url)} lets us in")
    yield _management()


def _management() -> Finding:
    import httpx  # noqa: PLC0415 - only with a broker

    from podium.site.queues.broker import management_client  # noqa: PLC0415

    with management_client() as client:
        where = _place(str(client.base_url))
        try:
            answer = client.get("/api/whoami", timeout=CONNECT_SECONDS)
        except httpx.HTTPError as error:
            mend = (
                "Enable it (rabbitmq-plugins enable rabbitmq_management), or name it in PODIUM_BROKER_MANAGEMENT_URL."
            )
            return Finding("broker management", "fail", f"{where}: {_plain(error)}", mend)
    if answer.status_code != httpx.codes.OK:
        mend = "Check user and password in PODIUM_BROKER_MANAGEMENT_URL."
        return Finding("broker management", "fail", f"{where} answers {answer.status_code}", mend)
    tags = answer.json().get("tags", [])
    if "administrator" not in (tags.split(",") if isinstance(tags, str) else tags):
        mend = "Give it the tag that it needs to make vhosts: rabbitmqctl set_user_tags USER administrator"
        return Finding("broker management", "fail", f"{where}: its user is no administrator", mend)
    return Finding("broker management", "ok", f"{where} lets us make vhosts")


def redis() -> Iterator[Finding]:
    """Whether Redis lets us in."""
    if settings.CONFIG.redis_url is None:
        return
    from redis import Redis, RedisError  # noqa: PLC0415 - only where it is used

    url = settings.CONFIG.redis_url.get_secret_value()
    try:
        with Redis.from_url(url, socket_connect_timeout=CONNECT_SECONDS, socket_timeout=CONNECT_SECONDS) as straight:
            straight.ping()
    except (RedisError, OSError, ValueError) as error:
        mend = "Check REDIS_URL (redis://user:password@host:port/number), that Redis runs and that it lets us in."
        yield Finding("redis", "fail", f"{_place(url)}: {_plain(error)}", mend)
        return
    yield Finding("redis", "ok", f"{_place(url)} answers")


def sign_in() -> Iterator[Finding]:
    """Whether the servers by which people may log in say how."""
    for server in settings.CONFIG.sign_in:
        url = f"{server.server.rstrip('/')}/.well-known/openid-configuration"
        try:
            answer = httpx.get(url, timeout=CONNECT_SECONDS, follow_redirects=True).raise_for_status()
            missing = [name for name in _ENDPOINTS if not str(answer.json().get(name, "")).startswith("http")]
        except (httpx.HTTPError, ValueError, AttributeError) as error:
            mend = "Check `server` in PODIUM_SIGN_IN, and that this machine reaches it."
            yield Finding("log-in", "fail", f"{server.name}, {_place(url)}: {_plain(error)}", mend)
            continue
        if missing:
            mend = "Check that `server` in PODIUM_SIGN_IN is a server of OpenID Connect."
            yield Finding("log-in", "fail", f"{server.name}, {_place(url)} names no {', '.join(missing)}", mend)
        else:
            yield Finding("log-in", "ok", f"{server.name} answers")


def storage() -> Iterator[Finding]:
    """Whether a file can be written, read again and deleted, in the bucket where there is one."""
    from podium.site.resources import storage as files  # noqa: PLC0415 - it stands on models

    if (bucket := files.bucket()) is not None:
        yield _bucket(bucket.store)
        return
    local = isinstance(default_storage, FileSystemStorage)
    where = str(settings.FILES_DIR) if local else default_storage.__class__.__name__
    if local and not settings.FILES_DIR.is_dir():
        yield Finding("storage", "ok", f"{where} will be made at the first start")
        return
    content, name = uuid.uuid4().bytes, f"podium-doctor-{uuid.uuid4().hex}"
    try:
        name = default_storage.save(name, ContentFile(content))
        try:
            with default_storage.open(name) as stream:
                same = stream.read() == content
        finally:
            default_storage.delete(name)
    except Exception as error:  # noqa: BLE001 - each kind of storage has errors of its own
        mend = "Check that this user may write there." if local else "Check address, bucket and credentials."
        yield Finding("storage", "fail", f"{where}: {_plain(error)}", mend)
        return
    if not same:
        yield Finding("storage", "fail", f"{where} gives back something else than was written", "Check its disk.")
        return
    yield Finding("storage", "ok", f"wrote, read and deleted a file ({where})")


def _bucket(store: Store) -> Finding:
    """Whether the bucket takes, lists, gives back and removes an object, as a whole and from its middle."""
    content, key = uuid.uuid4().bytes, f"podium-doctor-{uuid.uuid4().hex}"
    try:
        store.put_bytes(key, content)
        try:
            with RemoteFile(store, key) as stream:
                stream.seek(4)
                same = stream.read() == content[4:]
            listed = any(entry.key == key for entry in store.listing(key))
        finally:
            store.delete(key)
    except (StorageAway, FileNotFoundError) as error:
        mend = "Check address, bucket and credentials in STORAGE_URL, and that they may put, get, list and delete."
        return Finding("bucket", "fail", f"{store.name}: {_plain(error)}", mend)
    if not (same and listed):
        mend = "Take a store that shows at once what was written, as Amazon S3 does."
        return Finding("bucket", "fail", f"{store.name} gives back something else than was written", mend)
    return Finding("bucket", "ok", f"wrote, read, listed and deleted an object ({store.name})")


def mail(send_to: str) -> Iterator[Finding]:
    """Whether the mail server takes us, with TLS and log-in as configured; sends one mail if an address is given."""
    if not settings.CONFIG.email_url:
        if send_to:
            yield Finding("mail", "fail", "no mail server is configured", "Set PODIUM_EMAIL_URL.")
        else:
            yield Finding("mail", "ok", "not configured: mails are printed, not sent")
        return
    where = f"{settings.EMAIL_HOST}:{settings.EMAIL_PORT}"
    mend = "Check PODIUM_EMAIL_URL (smtp://user:password@host:587, or smtps:// for TLS from the start)."
    outgoing = get_connection(timeout=CONNECT_SECONDS, fail_silently=False)
    try:
        outgoing.open()
        if send_to:
            subject = f"A test of {settings.CONFIG.public_url}"
            text = "This mail was sent by `podium doctor --send-to`. Mail works.\n"
            EmailMessage(subject, text, to=[send_to], connection=outgoing).send()
    except smtplib.SMTPAuthenticationError:
        yield Finding("mail", "fail", f"{where} refuses user or password", mend)
        return
    except (OSError, smtplib.SMTPException) as error:
        yield Finding("mail", "fail", f"{where}: {_plain(error)}", mend)
        return
    finally:
        with contextlib.suppress(OSError, smtplib.SMTPException):
            outgoing.close()
    sent = f" and has taken a mail to {send_to}" if send_to else ""
    yield Finding("mail", "ok", f"{where} lets us in{sent}")
