"""Every setting that an operator can make, typed and in one place."""

from __future__ import annotations

from pathlib import Path
from typing import Literal
from urllib.parse import unquote, urlsplit

from pydantic import BaseModel, ConfigDict, Field, SecretStr, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from podium.site.buckets.opening import checked


class SignInServer(BaseModel):
    """A server of OpenID Connect by which people may log in: a university's, a company's, Google, ORCID, GitLab.

    id: a word for the address that the server leads back to, `/accounts/oidc/ID/login/callback/`. server: where its
    `/.well-known/openid-configuration` lies. may_sign_up: whether it makes new accounts, also where registration is
    closed to others. trust_addresses: whether an address that it calls confirmed is so here, and opens the account that
    has it.
    """

    model_config = ConfigDict(extra="forbid")

    id: str = Field(pattern=r"^[a-z0-9-]{1,30}$")
    name: str = Field(min_length=1, max_length=40)
    server: str = Field(pattern=r"^https?://\S+$")
    client_id: str
    client_secret: SecretStr = SecretStr("")
    may_sign_up: bool = True
    trust_addresses: bool = False


class Config(BaseSettings):
    """Podium's configuration, read from the environment.

    Names carry the prefix `PODIUM_`; the addresses of other services (`DATABASE_URL`,
    `REDIS_URL`) go without it, as in most deployments.
    """

    model_config = SettingsConfigDict(
        env_prefix="PODIUM_", extra="ignore", populate_by_name=True, hide_input_in_errors=True
    )

    data: Path = Field(default=Path("podium-data"), description="Folder for the database, files, secrets and logs.")
    public_url: str = Field(
        default="http://127.0.0.1:8000", description="The address that others use; its host is the one allowed host."
    )
    allowed_hosts: str = Field(default="", description="More host names, separated by commas.")
    secret_key: SecretStr | None = Field(
        default=None, description="Signing key; made once and kept in the data folder when absent."
    )
    debug: bool = Field(default=False, description="Show tracebacks in the browser. Never in production.")
    admin_username: str = Field(default="admin", description="The administrator made at first start.")
    admin_password: SecretStr | None = Field(
        default=None, description="The administrator's password; a random one is printed once when absent."
    )
    admin_email: str = Field(default="admin@localhost.localdomain", description="The administrator's e-mail address.")
    email_url: str = Field(
        default="", description="smtp://user:password@host:port (or smtps://); mails go to the log when absent."
    )
    email_from: str = Field(default="Podium <noreply@localhost.localdomain>", description="Sender of mails.")
    contact: str = Field(
        default="",
        description="The e-mail address of whoever runs the site, told to people on the page About and where only an "
        "administrator can help.",
    )
    about_file: Path | None = Field(
        default=None,
        description="A Markdown file with your own terms of use and privacy notice; the page About shows it in place "
        "of the built-in ones.",
    )
    email_verification: Literal["none", "optional", "mandatory"] = Field(
        default="none", description="Whether a new account has to confirm its address before it may log in."
    )
    open_registration: bool = Field(default=True, description="Whether anybody may sign up.")
    sign_in: list[SignInServer] = Field(
        default=[],
        description='Servers of OpenID Connect by which people may log in, as JSON: `[{"id": "uni", "name": '
        '"University", "server": "https://id.example.org", "client_id": "…", "client_secret": "…"}]`; see '
        "[logging in elsewhere](sign-in.md).",
    )
    default_quota: int = Field(default=15_000_000_000, ge=0, description="Storage of a new user in bytes.")
    max_upload_bytes: int = Field(default=20 * 1024**3, ge=1, description="The largest single file in bytes.")
    upload_grace_seconds: float = Field(
        default=3600,
        ge=0,
        description="How long after a phase's end an upload in parts may still be submitted that was begun before it, "
        "with its SHA-256.",
    )
    max_execution_seconds: int = Field(
        default=24 * 3600, ge=1, description="Ceiling of the time limit of one step, in seconds."
    )
    default_memory_bytes: int = Field(default=4 * 1024**3, ge=1, description="Memory limit of one step in bytes.")
    default_disk_bytes: int = Field(default=10 * 1024**3, ge=1, description="Disk limit of one step in bytes.")
    max_log_bytes: int = Field(
        default=10 * 1024**2,
        ge=1024,
        description="How much of each program's output is kept at most, in bytes; a phase may ask for less.",
    )
    max_memory_bytes: int | None = Field(
        default=None,
        ge=1,
        description="Ceiling of the memory limit of one step, in bytes; workers have theirs as well.",
    )
    max_disk_bytes: int | None = Field(
        default=None, ge=1, description="Ceiling of the disk limit of one step, in bytes."
    )
    max_shared_memory_bytes: int | None = Field(
        default=None, ge=1, description="Ceiling of the shared memory (/dev/shm) of one step, in bytes."
    )
    max_cpus: float | None = Field(default=None, gt=0, description="Ceiling of the processors of one step.")
    max_processes: int = Field(
        default=4096, ge=1, description="Ceiling of the processes and threads of one step; a phase gets 256 unasked."
    )
    max_gpus: int | None = Field(default=None, ge=0, description="Ceiling of the GPUs of one step.")
    allow_network: bool = Field(
        default=False, description="Whether phases may ask for network; workers can still refuse it."
    )
    rerun_limit: int = Field(
        default=30,
        ge=0,
        description="How many submissions an organizer may evaluate again at once on a queue that they do not operate; "
        "administrators any number.",
    )
    lease_seconds: float = Field(
        default=30, gt=0, description="How long a worker may be silent before its attempt is taken from it."
    )
    sweep_seconds: float = Field(default=1, gt=0, description="How often the sweeper looks for missed deadlines.")
    tidy_seconds: float = Field(
        default=3600, gt=0, description="How often forgotten uploads and files without a row are looked for."
    )
    forgotten_seconds: float = Field(
        default=24 * 3600,
        gt=0,
        description="How old a broken-off upload, an upload for an attempt that is over, or a file without a row must "
        "be to be removed; longer than any upload may stand still.",
    )
    audit_days: int = Field(
        default=0, ge=0, description="How many days the history of changes is kept; 0 keeps it for good."
    )
    secure_cookies: bool | None = Field(
        default=None, description="Send cookies over HTTPS only; on by itself when the public address is https."
    )
    hsts_seconds: int = Field(default=0, ge=0, description="Strict-Transport-Security in seconds; 0 is off.")
    trusted_proxy: bool = Field(
        default=False, description="Believe X-Forwarded-Proto and X-Forwarded-For; only behind a proxy that sets them."
    )
    rate_limit_person: int = Field(
        default=1200, ge=0, description="Requests to the API that one person may make in a minute; 0 is no limit."
    )
    rate_limit_address: int = Field(
        default=600,
        ge=0,
        description="Requests to the API in a minute from one address without an account; 0 is no limit.",
    )
    rate_limit_create: int = Field(
        default=120, ge=0, description="POST requests to the API that one person may make in a minute; 0 is no limit."
    )
    log_format: Literal["console", "json"] = Field(default="console", description="How log lines are written.")
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = Field(
        default="INFO", description="The least that is logged; DEBUG has a line for every request, polls and files too."
    )
    error_mails: str = Field(
        default="", description="Addresses, separated by commas, that tracebacks of the web server are mailed to."
    )
    metrics_token: SecretStr | None = Field(
        default=None, description="Opens /metrics to Prometheus as a bearer token; without it administrators alone."
    )

    webhook_http: bool = Field(
        default=False,
        description="Whether webhooks may be sent to http:// addresses, which anybody on the way can read.",
    )
    webhook_private_addresses: bool = Field(
        default=False,
        description="Whether webhooks may go to private and loopback addresses, which organizers could not reach.",
    )

    wakeup_fallback_seconds: float = Field(
        default=1,
        gt=0,
        description="How often pages and workers that wait look for news by themselves, should a wake-up be lost.",
    )

    max_streams_per_person: int = Field(
        default=30,
        ge=1,
        description="How many submissions and competitions one person may follow live at a time, per web process.",
    )
    max_streams: int = Field(
        default=2000,
        ge=1,
        description="How many submissions and competitions may be followed live at a time, per web process.",
    )

    database_url: str = Field(
        default="", validation_alias="DATABASE_URL", description="postgresql://user:password@host/name; else SQLite."
    )
    storage_url: SecretStr | None = Field(
        default=None,
        validation_alias="STORAGE_URL",
        description="s3://KEY:SECRET@host/bucket?region=REGION or gs://bucket: the bucket for files, see "
        "[files in a bucket](bucket.md); without it they are kept in the data folder.",
    )
    storage_cache_bytes: int = Field(
        default=10 * 1024**3,
        ge=0,
        description="How many bytes of copies of a bucket's files a machine keeps; files in use are not counted.",
    )
    redis_url: SecretStr | None = Field(
        default=None,
        validation_alias="REDIS_URL",
        description="redis://user:password@host: wakes waiting pages and workers in all web processes; without it"
        " PostgreSQL does, and with SQLite they look once a second.",
    )

    broker_url: SecretStr | None = Field(
        default=None,
        validation_alias="BROKER_URL",
        description="amqp://user:password@host:port of RabbitMQ, for workers that take jobs from it; else none.",
    )
    broker_management_url: SecretStr | None = Field(
        default=None,
        description="http://user:password@host:15672 of RabbitMQ's management; by default BROKER_URL's host and user.",
    )
    broker_public_url: str = Field(
        default="",
        description="amqp(s)://host:port by which workers reach RabbitMQ, without user; by default BROKER_URL's.",
    )
    broker_start_seconds: float = Field(
        default=300, gt=0, description="How long a job may lie in RabbitMQ before it is taken back and offered again."
    )
    broker_preparing_seconds: float = Field(
        default=1200,
        gt=0,
        description="What a worker without heartbeat may take to fetch files and image, beside the time limit.",
    )
    broker_grace_seconds: float = Field(
        default=60, gt=0, description="What such a worker may take beyond the time limit once a program runs."
    )
    broker_upload_seconds: float = Field(
        default=300, gt=0, description="How long after it has announced a step's end its results may take to arrive."
    )

    @field_validator("storage_url", mode="before")
    @classmethod
    def _address_of_bucket(cls, given: object) -> object:
        """Nothing where it is empty; refused, without repeating it, where it cannot be understood."""
        if isinstance(given, str):
            if not given:
                return None
            checked(given)
        return given

    @property
    def hosts(self) -> list[str]:
        """The host names that requests may be addressed to."""
        named = [h.strip() for h in self.allowed_hosts.split(",") if h.strip()]
        public = urlsplit(self.public_url).hostname
        return [*([public] if public else []), "localhost", "127.0.0.1", "[::1]", *named]

    @property
    def error_mail_addresses(self) -> list[str]:
        """Whom errors are mailed to."""
        return [address.strip() for address in self.error_mails.split(",") if address.strip()]

    @property
    def secrets(self) -> list[str]:
        """Every secret among the settings, passwords inside of addresses included: what no log may show."""
        given = [getattr(self, name) for name in type(self).model_fields]
        texts = [value.get_secret_value() if isinstance(value, SecretStr) else value for value in given]
        passwords = [urlsplit(text).password for text in texts if isinstance(text, str) and "://" in text]
        plain = [value.get_secret_value() for value in given if isinstance(value, SecretStr)]
        plain += [server.client_secret.get_secret_value() for server in self.sign_in]
        return [*plain, *(unquote(password) for password in passwords if password)]

    @property
    def public_is_https(self) -> bool:
        """Whether others reach the site by HTTPS."""
        return self.public_url.startswith("https://")
