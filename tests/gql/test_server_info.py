"""`serverInfo`: the limits are those of the operator, and can be read without a token."""

from dataclasses import replace
from pathlib import Path

import pytest

from server.setting.settings import Settings
from services.limit import Limits
from services.page import MAX_SIZE
from tests.gql.conftest import site_in

LIMITS = """{ serverInfo { limits {
  maxMetadataBytes maxPageSize maxReactions maxRequestMessages typingSeconds urlLifetimeSeconds uploadLifetimeSeconds
  eventRetentionSeconds editWindowSeconds
} } }"""
CENTURY = 36_500 * 86_400


@pytest.mark.parametrize("seconds", [77, CENTURY])
async def test_limits_are_those_of_the_operator(tmp_path: Path, settings: Settings, seconds: int) -> None:
    """A century of seconds is more than an Int can hold, and is the largest Int then."""
    limits = replace(
        Limits(),
        max_reactions=5,
        max_request_messages=9,
        typing_seconds=11,
        url_life_seconds=seconds,
        upload_life_seconds=seconds,
        event_retention_seconds=seconds,
    )
    async with site_in(tmp_path, settings, limits) as site:
        status, answer = await site.post({"query": LIMITS})

    shown = min(seconds, 2**31 - 1)
    assert status == 200
    assert answer == {"data": {"serverInfo": {"limits": {
        "maxMetadataBytes": limits.max_metadata_bytes, "maxPageSize": MAX_SIZE, "maxReactions": 5,
        "maxRequestMessages": 9, "typingSeconds": 11, "urlLifetimeSeconds": shown, "uploadLifetimeSeconds": shown,
        "eventRetentionSeconds": shown, "editWindowSeconds": None,
    }}}}  # fmt: skip
