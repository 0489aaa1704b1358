"""Limits: the services' defaults are the operator's."""

from dataclasses import replace

from server.app import limits_of
from server.setting.settings import load_settings
from services.file.media_type import PRESETS
from services.limit import Limits


def test_a_limit_that_nobody_set_is_the_same_for_both() -> None:
    """What the services do where nothing is said is what the manual says; but for types of files,
    of which the services know no list."""
    assert limits_of(load_settings()) == replace(Limits(), allowed_mime_types=PRESETS["default"])
