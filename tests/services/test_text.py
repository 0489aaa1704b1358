"""Text: what counts as nothing, what may be written, and what a file may be called."""

import pytest

from services.limit import Limits
from services.rejection import IssueReason
from services.text import MAX_MARKS, clean_filename, find_marks, is_blank, name_issue, text_issues

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


# Thai, Vietnamese (decomposed), a Tibetan stack, Hebrew with cantillation, Devanagari, Arabic with harakat, a family of
# emoji, keycaps and flags, and 32 marks on one letter: the most that is allowed.
ORDINARY = [
    "\u0e19\u0e49\u0e33\u0e17\u0e35\u0e48\u0e19\u0e35\u0e48",
    "Tie\u0302\u0301ng Vie\u0323\u0302t",
    "\u0f67\u0fa9\u0fb3\u0fba\u0fbc\u0fbb\u0f82",
    "\u05d1\u05bc\u05b0\u05e8\u05b5\u05d0\u05e9\u05b4\u0596\u05d9\u05ea",
    "\u0915\u094d\u0937\u0924\u094d\u0930\u093f\u092f \u0915\u094d\u200d\u0937",
    "\u0628\u0650\u0633\u0652\u0645\u0650 \u0671\u0644\u0644\u0651\u064e\u0647\u0650",
    "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466 1\ufe0f\u20e3 \U0001f3f4\U000e0067\U000e007f",
    "a" + "\u0301" * MAX_MARKS + "b" + "\u0302" * MAX_MARKS,
]


@pytest.mark.parametrize("text", ORDINARY, ids=ascii)
def test_the_marks_of_every_script_are_kept(text: str) -> None:
    """Wherever in a text they stand, in bodies and in names."""
    for before in range(40):
        assert find_marks("x" * before + text * 3) is None
    assert text_issues(text, Limits()) == []
    assert name_issue(("displayName",), text, 255) is None
    assert clean_filename(text, 255) == text


ZALGO = [
    "\u0301" * 33, "\u0321\u0334\u0e48" * 11, "\u0f71" * 40, "\u20dd" * 33, "\u0301\u200d" * 17, "\u0301\u200c" * 17,
    "\U000e0100" * 33,
]  # fmt: skip


@pytest.mark.parametrize("marks", ZALGO, ids=ascii)
def test_more_marks_than_any_script_has_are_refused_wherever_they_stand(marks: str) -> None:
    """Zalgo draws over other lines: 33 in a row are TOO_MANY, with the limit; a file's name loses the rest."""
    for before in range(40):
        text = "x" * before + marks
        assert find_marks(f"{text} end") == before
    [issue] = text_issues(text, Limits())
    named = name_issue(("displayName",), text, 255)
    cleaned = clean_filename(f"a{marks}.txt", 255)

    assert (issue.path, issue.reason, issue.limit) == (("text",), IssueReason.TOO_MANY, 32)
    assert "from character 40" in issue.detail
    assert named is not None
    assert (named.reason, named.limit) == (IssueReason.TOO_MANY, 32)
    assert cleaned == f"a{marks[:32]}.txt"
