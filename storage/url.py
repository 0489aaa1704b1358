"""The storage that a URL names: its scheme picks the backend, whose module is imported only then."""

from pathlib import Path
from urllib.parse import unquote, urlsplit

from storage.base import Storage

KNOWN_SCHEMES = ("file", "s3")


def storage_for(url: str, default_root: Path) -> Storage:
    """Return the storage, not yet open. An empty URL, or `file://` without a path, means `default_root`.

    Raises ValueError with a sentence for the operator; it repeats no part of the URL but the scheme, for the rest may
    hold a password.
    """
    parts = urlsplit(url)
    if url and parts.scheme not in KNOWN_SCHEMES:
        known = ", ".join(f"{scheme}://" for scheme in KNOWN_SCHEMES)
        raise ValueError(f"No storage is known for the scheme {parts.scheme!r}; known: {known}.")
    if parts.scheme == "s3":
        from storage.s3 import S3Storage  # noqa: PLC0415 (the URL picks the driver)

        return S3Storage(url, default_root)
    path = unquote(parts.path)
    if parts.netloc or not (path == "" or path.startswith("/")) or "\0" in path:
        raise ValueError("A file:// URL has three slashes and an absolute path, as in file:///srv/sotto/files.")
    from storage.local import LocalStorage  # noqa: PLC0415 (the URL picks the driver)

    return LocalStorage(Path(path) if path else default_root)
