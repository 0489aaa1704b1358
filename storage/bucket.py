"""Translates the errors of buckets into storage errors."""

from collections.abc import Iterator
from contextlib import contextmanager

from obstore.exceptions import BaseError, NotFoundError

from storage.base import StorageFailed, StorageFull, StorageNotFound


@contextmanager
def bucket_failing_as(sentence: str) -> Iterator[None]:
    """Turns obstore's exceptions into a StorageError that starts with `sentence` and quotes no response."""
    try:
        yield
    except (NotFoundError, FileNotFoundError) as error:  # obstore raises both
        raise StorageNotFound("There is no such file.") from error
    except BaseError as error:
        kind = StorageFull if "QuotaExceeded" in str(error) or "XMinioStorageFull" in str(error) else StorageFailed
        raise kind(f"{sentence}: {type(error).__name__}.") from error
    except OSError as error:
        raise StorageFailed(f"{sentence}: {type(error).__name__}.") from error
