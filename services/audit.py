"""The audit: what became of accounts, devices and keys, as lines of the log that name each as the API shows it."""

import structlog

from services.id import Kind, encode

log = structlog.get_logger("sotto.audit")


def note(
    event: str, user_id: int, *, device_id: int | None = None, key_id: int | None = None, **fields: object
) -> None:
    """Writes the line, with whose it is; `fields` hold no id."""
    if device_id is not None:
        fields["device"] = encode(Kind.DEVICE, device_id)
    if key_id is not None:
        fields["key"] = encode(Kind.API_KEY, key_id)
    log.info(event, user=encode(Kind.USER, user_id), **fields)
