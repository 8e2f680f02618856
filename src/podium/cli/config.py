"""Which servers a person uses, and the tokens for them.

`config.json` holds the profiles and may be read by anybody; `tokens.json` holds the tokens and only its owner may.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

DEFAULT_SERVER = "http://127.0.0.1:8000"
DEFAULT_PROFILE = "default"
KEYRING_SERVICE = "podium"


class ConfigError(Exception):
    """The stored configuration cannot be used; the text names the file and the mend."""


@dataclass
class Profile:
    """One server with one account; `keyring` says where the token is."""

    server: str
    username: str = ""
    keyring: bool = False


@dataclass
class Config:
    """Every profile by name, and the one that is used when none is named."""

    current: str = DEFAULT_PROFILE
    profiles: dict[str, Profile] = field(default_factory=dict)


def folder() -> Path:
    """The folder of the configuration: PODIUM_CONFIG_DIR, else the user's configuration folder."""
    given = os.environ.get("PODIUM_CONFIG_DIR")
    if given:
        return Path(given)
    from platformdirs import user_config_path  # noqa: PLC0415 - only commands that talk to a server need it

    return user_config_path("podium", appauthor=False)


def load() -> Config:
    """Read the profiles; none when there is no file yet.

    Raises ConfigError when the file cannot be read or understood.
    """
    data = _read(folder() / "config.json")
    try:
        profiles = {
            str(name): Profile(str(p["server"]), str(p.get("username", "")), bool(p.get("keyring", False)))
            for name, p in data.get("profiles", {}).items()
        }
    except (AttributeError, KeyError, TypeError) as error:
        raise ConfigError(
            f"{folder() / 'config.json'} is not as Podium wrote it ({error}). Delete it and log in again."
        ) from error
    return Config(current=str(data.get("current", DEFAULT_PROFILE)), profiles=profiles)


def save(config: Config) -> None:
    """Write the profiles, all or nothing."""
    _write(folder() / "config.json", asdict(config), mode=0o644)


def token_of(name: str, profile: Profile) -> str | None:
    """The token of a profile, or None when it is logged out."""
    if profile.keyring:
        import keyring  # noqa: PLC0415 - slow, and only for those who asked for it

        return keyring.get_password(KEYRING_SERVICE, _keyring_user(name, profile))
    token = _read(folder() / "tokens.json").get(name)
    return token if isinstance(token, str) else None


def store_token(name: str, profile: Profile, token: str) -> None:
    """Keep a token: in the system's keyring when the profile says so, else in a file only its owner may read.

    Raises ConfigError when there is no keyring to keep it in.
    """
    if profile.keyring:
        import keyring  # noqa: PLC0415
        from keyring.errors import KeyringError  # noqa: PLC0415

        try:
            keyring.set_password(KEYRING_SERVICE, _keyring_user(name, profile), token)
        except KeyringError as error:
            raise ConfigError(
                f"The system's keyring cannot keep the token: {error}. Log in without --keyring to keep it in a file "
                "that only you may read."
            ) from error
        return
    path = folder() / "tokens.json"
    _write(path, {**_read(path), name: token}, mode=0o600)


def has_keyring() -> bool:
    """Whether this system has a keyring that keeps secrets; the null, the failing and plain-text ones are none."""
    import keyring  # noqa: PLC0415 - slow, and only a login asks
    from keyring.backends import chainer, fail, null  # noqa: PLC0415

    found = keyring.get_keyring()
    if isinstance(found, chainer.ChainerBackend):
        return any(_is_safe(one) for one in found.backends)
    return not isinstance(found, fail.Keyring | null.Keyring) and _is_safe(found)


def _is_safe(backend: Any) -> bool:
    return type(backend).__module__.startswith("keyring.backends.") and type(backend).__name__ != "PlaintextKeyring"


def forget_token(name: str, profile: Profile) -> None:
    """Remove the token of a profile from wherever it is."""
    if profile.keyring:
        import keyring  # noqa: PLC0415
        from keyring.errors import PasswordDeleteError  # noqa: PLC0415

        try:
            keyring.delete_password(KEYRING_SERVICE, _keyring_user(name, profile))
        except PasswordDeleteError:
            return  # it was not there: what was asked for holds already
        return
    path = folder() / "tokens.json"
    tokens = _read(path)
    if tokens.pop(name, None) is not None:
        _write(path, tokens, mode=0o600)


def _keyring_user(name: str, profile: Profile) -> str:
    return f"{name}@{profile.server}"


def _read(path: Path) -> dict[str, Any]:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        return {}
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path} cannot be read ({error}). Delete it and log in again.") from error
    if not isinstance(data, dict):
        raise ConfigError(f"{path} is not as Podium wrote it. Delete it and log in again.")
    return data


def _write(path: Path, data: Mapping[str, Any], *, mode: int) -> None:
    """Write beside and move into place; the file has its mode from its first byte on."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    half = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with os.fdopen(os.open(half, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, mode), "w", encoding="utf-8") as stream:
            json.dump(data, stream, indent=2)
        half.chmod(mode)
        half.replace(path)
    finally:
        half.unlink(missing_ok=True)
