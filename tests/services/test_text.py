"""Text: what counts as nothing, what may be written, and what a file may be called."""

import pytest

from services.limit import Limits
from services.rejection import IssueReason
from services.text import clean_filename, is_blank, name_issue, text_issues

BLANK = ["", " ", "\t\n\r", "\u00a0", "\u2003", "\u200b", "\u200d", "\u2060", "\ufeff", "\u00ad", "\u034f", "\u115f",
         "\u1160", "\u17b4", "\u180e", "\u2028", "\u2800", "\u3000", "\u3164", "\uffa0", "\ufe0f", "\U000e0041",
         "\u202e", " \u200b\u3164\u2800 "]  # fmt: skip
SEEN = ["a", ".", "\u200ba", "\u0301", "0", "\U0001f600", "\u0e33", "\u3000x", "#\ufe0f", "\u00a8"]


@pytest.mark.parametrize("text", BLANK, ids=ascii)
def test_nothing_visible_is_blank(text: str) -> None:
    """Spaces, controls, format characters, fillers, Braille's blank, variation selectors, tags."""
    assert is_blank(text)


@pytest.mark.parametrize("text", SEEN, ids=ascii)
def test_anything_visible_is_not_blank(text: str) -> None:
    """One visible character is a message."""
    assert not is_blank(text)


@pytest.mark.parametrize(
    ("text", "reasons"),
    [
        ("\x00", ["MALFORMED"]), ("\x0b", ["MALFORMED"]), ("\x7f", ["MALFORMED"]), ("\ud83d", ["MALFORMED"]),
        ("x\udfff", ["MALFORMED"]), ("\ufdd0", ["MALFORMED"]), ("\uffff", ["MALFORMED"]),
        ("\U0001fffe", ["MALFORMED"]), ("\U0010ffff", ["MALFORMED"]),
        ("\t\n\r\u202e\u200d\ufffd\ue000", []),
        ("x" * 10, []), ("x" * 11, ["TOO_LONG"]), ("x" * 11 + "\x00", ["TOO_LONG", "MALFORMED"]),
        ("\U0001f600" * 5, []), ("\U0001f600" * 6, ["TOO_LONG"]),
    ],
    ids=ascii,
)  # fmt: skip
def test_every_issue_of_a_text_is_named(text: str, reasons: list[str]) -> None:
    """At most so many code points and bytes; no NUL, C0, half or never characters; bidi and joiners are kept."""
    limits = Limits(max_text_length=10, max_text_bytes=20)

    assert [each.reason.name for each in text_issues(text, limits)] == reasons


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("Zoë O'Neil 🙂", None), ("", "EMPTY"), ("\u200b", "EMPTY"), ("x" * 9, "TOO_LONG"), ("a\u202eb", "MALFORMED"),
        ("a\nb", "MALFORMED"), ("a\u2028b", "MALFORMED"), ("a\x00", "MALFORMED"), ("a\ud800", "MALFORMED"),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_name_has_no_bidi_controls_and_no_new_lines(name: str, reason: str | None) -> None:
    """Bidi is kept in bodies and refused in names: a name stands beside others."""
    issue = name_issue(("displayName",), name, 12 if reason is None else 8)

    assert (issue and issue.reason) == (None if reason is None else IssueReason[reason])


@pytest.mark.parametrize(
    ("given", "shown"),
    [
        (None, "file"),
        ("", "file"), (".", "file"), ("..", "file"), ("/", "file"), ("\u200b", "file"), ("\x00", "file"),
        ("notes.txt", "notes.txt"), ("../../etc/passwd", "passwd"), ("C:\\Users\\me\\a.png", "a.png"),
        ("a/b\\c.txt", "c.txt"), ("a\x00b\x1b.txt", "ab.txt"), ("photo\u202egnp.exe", "photognp.exe"),
        ("two\r\nlines.txt", "two lines.txt"), (" .hidden. ", "hidden"), ("Zoë 🙂.pdf", "Zoë 🙂.pdf"),
        ("x" * 300 + ".pdf", "x" * 251 + ".pdf"), ("x" * 300, "x" * 255), ("a." + "e" * 300, "a." + "e" * 253),
        ("half\ud800.txt", "half.txt"), ('"><script>.png', '"><script>.png'),
    ],
    ids=ascii,
)  # fmt: skip
def test_a_file_is_shown_by_a_cleaned_name(given: str | None, shown: str) -> None:
    """RFC 7578 section 4.2: path information is ignored; the ending is kept when the name is cut."""
    assert clean_filename(given, 255) == shown
