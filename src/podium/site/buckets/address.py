"""Addresses of buckets, as operators write them into STORAGE_URL."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl, unquote, urlsplit

FORM: Final = "s3://KEY:SECRET@host/bucket?region=REGION or gs://bucket"
_OPTIONS: Final[Mapping[str, Mapping[str, frozenset[str] | None]]] = {
    "s3": {"region": None, "scheme": frozenset({"http", "https"}), "addressing": frozenset({"path", "virtual"})},
    "gs": {"project": None, "endpoint": None},
}
"""By kind of bucket the options, and the values that they may have."""


class BadAddress(ValueError):
    """An address cannot be understood; the text says why and repeats no secret."""


@dataclass(frozen=True)
class Address:
    """Where a bucket is.

    host: with its port; empty for the maker's own. key, secret: empty where the environment or the machine knows them.
    prefix: what all keys in the bucket begin with, without a slash at its end; may be empty.
    """

    kind: str
    bucket: str
    host: str = ""
    key: str = field(default="", repr=False)
    secret: str = field(default="", repr=False)
    prefix: str = ""
    options: Mapping[str, str] = field(default_factory=dict)

    @classmethod
    def read(cls, url: str) -> Address:
        """Understand an address: `s3://KEY:SECRET@host/bucket/prefix?options`, `s3://bucket` of Amazon's, or Google's
        `gs://bucket/prefix?options`, who knows us by the environment.

        Raises BadAddress.
        """
        try:
            parts = urlsplit(url)
            host = f"{parts.hostname or ''}{f':{parts.port}' if parts.port else ''}"
        except ValueError:
            raise BadAddress(f"this is no address; it looks like {FORM}") from None
        if parts.scheme not in _OPTIONS:
            raise BadAddress(f"it begins with {' or '.join(f'{kind}://' for kind in _OPTIONS)}, as in {FORM}")
        if bool(parts.username) != bool(parts.password):
            raise BadAddress("name both KEY and SECRET, each percent-encoded, or none of them")
        path = unquote(parts.path).strip("/")
        if parts.scheme == "gs":
            if parts.username:
                raise BadAddress(
                    "Google's credentials are no part of it: name their file in GOOGLE_APPLICATION_CREDENTIALS"
                )
            host, path = "", f"{host}/{path}".strip("/")
        elif not path:
            host, path = "", host
        bucket, _, prefix = path.partition("/")
        if not bucket or ".." in path.split("/"):
            raise BadAddress(f"it names no bucket; it looks like {FORM}")
        return cls(
            kind=parts.scheme,
            bucket=bucket,
            host=host,
            key=unquote(parts.username or ""),
            secret=unquote(parts.password or ""),
            prefix=prefix,
            options=_options(parts.scheme, parts.query),
        )

    @property
    def shown(self) -> str:
        """The address without what is secret."""
        place = "/".join(part for part in (self.host, self.bucket, self.prefix) if part)
        return f"{self.kind}://{place}"


def _options(kind: str, query: str) -> dict[str, str]:
    known, options = _OPTIONS[kind], dict(parse_qsl(query, keep_blank_values=True))
    for name, value in options.items():
        if name not in known:
            raise BadAddress(f'there is no option "{name[:30]}"; there are {", ".join(sorted(known))}')
        allowed = known[name]
        if allowed is not None and value not in allowed:
            raise BadAddress(f"{name} is {' or '.join(sorted(allowed))}")
    return options
