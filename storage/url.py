"""Selects the storage backend by the scheme of a URL; its driver is imported only then."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.base import Storage

KNOWN_SCHEMES = ("file", "s3")


def storage_for(url: str, default_root: Path) -> Storage:
    """The storage, not opened yet. An empty URL, or `file://` without a path, means `default_root`.

    Raises ValueError with a message for the operator, which repeats only the scheme of the URL, because the rest may
    contain a password.
    """
    parts = urlsplit(url)
    if url and parts.scheme not in KNOWN_SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in KNOWN_SCHEMES)
        raise ValueError(f"The scheme {parts.scheme!r} is not supported; use one of {known}.")
    if parts.scheme == "s3":
        from storage.s3 import S3Storage  # noqa: PLC0415 - the URL selects the driver

        return S3Storage(url, default_root)
    path = unquote(parts.path)
    if parts.netloc or not (path == "" or path.startswith("/")) or "\0" in path:
        raise ValueError("A file:// URL needs three slashes and an absolute path, as in file:///srv/sotto/files.")
    from storage.local import LocalStorage  # noqa: PLC0415 - the URL selects the driver

    return LocalStorage(Path(path) if path else default_root)
