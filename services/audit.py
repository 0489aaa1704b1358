"""The audit: log lines about changes of accounts, devices and keys, with their ids as in the API."""

import structlog

from services.id import Kind, encode

log = structlog.get_logger("sotto.audit")


def note(
    event: str, user_id: int, *, device_id: int | None = None, key_id: int | None = None, **fields: object
) -> None:
    """Writes a log line with the user's id; `fields` must not contain row ids."""
    if device_id is not None:
        fields["device"] = encode(Kind.DEVICE, device_id)
    if key_id is not None:
        fields["key"] = encode(Kind.API_KEY, key_id)
    log.info(event, user=encode(Kind.USER, user_id), **fields)
