"""Text: which characters are allowed, and which text counts as blank."""

import re
import unicodedata

from services.limit import Limits
from services.rejection import Issue, IssueReason

# C0 but tab and newline (and CR, which Windows sends before it), DEL, lone surrogates, noncharacters.
_REFUSED = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufdd0-\ufdef"
    + "".join(chr(plane + 0xFFFE) + chr(plane + 0xFFFF) for plane in range(0, 0x110000, 0x10000))
    + "]"
)
MAX_MARKS = 32  # in a row: no script stacks more than about ten, and Unicode's own bound is 30 (UAX #15, 12.1)
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
# Letters and symbols that draw nothing: Hangul fillers, Braille blank, Khmer inherent vowels, variation selectors.
_UNSEEN = frozenset(
    {0x034F, 0x115F, 0x1160, 0x17B4, 0x17B5, 0x2800, 0x3164, 0xFFA0, *range(0x180B, 0x1810), *range(0xFE00, 0xFE10)}
)

_FLAG_LETTERS = "".join(map(chr, range(0x1F1E6, 0x1F200)))  # two of them are a flag
# Hangul vowels and finals, skin tones, tags of flags.
_CONTINUES = re.compile("[\u1160-\u11ff\ud7b0-\ud7fb\U0001f3fb-\U0001f3ff\U000e0020-\U000e007f]")


def is_blank(text: str) -> bool:
    """Whether it has no visible character: only spaces, controls, format characters and fillers."""
    return all(unicodedata.category(char)[0] in "ZC" or ord(char) in _UNSEEN for char in text)


def find_marks(text: str) -> int | None:
    """The index at which a run of more than MAX_MARKS combining marks starts; None if there is none.

    ZWJ and ZWNJ count as marks because they do not end a stack of them. Only every 33rd character is tested first: such
    a run must contain one of them, so a long text takes microseconds.
    """
    if text.isascii():
        return None
    for place in range(MAX_MARKS, len(text), MAX_MARKS + 1):
        if not _is_mark(text[place]):
            continue
        start = end = place
        while start and _is_mark(text[start - 1]):
            start -= 1
        while end < len(text) and end - start <= MAX_MARKS and _is_mark(text[end]):
            end += 1
        if end - start > MAX_MARKS:
            return start
    return None


def _is_mark(char: str) -> bool:
    return unicodedata.category(char)[0] == "M" or char in "\u200c\u200d"


def is_border(text: str, place: int) -> bool:
    """Whether the text can be cut before this character without cutting a grapheme (UAX #29).

    Of the rules for single scripts it knows Hangul's; a long run of flags is counted from its start.
    """
    if not 0 < place < len(text):
        return True
    before, after = text[place - 1], text[place]
    if after.isascii():
        return (before, after) != ("\r", "\n")
    if _is_mark(after) or _CONTINUES.match(after):
        return False
    if before == "\u200d":
        return unicodedata.category(after) != "So"  # emoji are joined, letters are not
    if after in _FLAG_LETTERS and before in _FLAG_LETTERS:
        return (place - len(text[:place].rstrip(_FLAG_LETTERS))) % 2 == 0
    return True


def text_issues(text: str, limits: Limits) -> list[Issue]:
    """All issues of a message's text; bidi controls and joiners are allowed and never changed."""
    path = ("text",)
    issues = []
    if len(text) > limits.max_text_length:
        detail = f"The text has {len(text)} characters; at most {limits.max_text_length} are allowed."
        issues.append(Issue(path, IssueReason.TOO_LONG, detail, limits.max_text_length))
    elif (size := len(text.encode("utf-8", "surrogatepass"))) > limits.max_text_bytes:
        detail = f"The text takes {size} bytes in UTF-8; at most {limits.max_text_bytes} are allowed."
        issues.append(Issue(path, IssueReason.TOO_LONG, detail, limits.max_text_bytes))
    # What is refused is not printable, and `isprintable` costs a fiftieth of the search.
    if not text.isprintable() and (found := _REFUSED.search(text)):
        detail = f"The text holds the character U+{ord(found[0]):04X}, which cannot be part of a message."
        issues.append(Issue(path, IssueReason.MALFORMED, detail))
    if (place := find_marks(text)) is not None:
        detail = f"The text has more than {MAX_MARKS} combining marks in a row, from character {place + 1}."
        issues.append(Issue(path, IssueReason.TOO_MANY, detail, MAX_MARKS))
    return issues


def name_issue(path: tuple[str, ...], name: str, max_length: int) -> Issue | None:
    """The issue of a name that others see, or None: as for text; bidi controls and newlines are refused too."""
    if is_blank(name):
        return Issue(path, IssueReason.EMPTY, f"`{path[-1]}` has nothing visible in it.")
    if len(name) > max_length:
        detail = f"`{path[-1]}` has {len(name)} characters; at most {max_length} are allowed."
        return Issue(path, IssueReason.TOO_LONG, detail, max_length)
    found = _REFUSED.search(name) or _BIDI.search(name) or re.search("[\t\r\n\u2028\u2029]", name)
    if found:
        detail = f"`{path[-1]}` holds the character U+{ord(found[0]):04X}, which a name cannot have."
        return Issue(path, IssueReason.MALFORMED, detail)
    if find_marks(name) is not None:
        detail = f"`{path[-1]}` has more than {MAX_MARKS} combining marks in a row."
        return Issue(path, IssueReason.TOO_MANY, detail, MAX_MARKS)
    return None


def _without_excess_marks(name: str) -> str:
    kept, run = [], 0
    for char in name:
        run = run + 1 if _is_mark(char) else 0
        if run <= MAX_MARKS:
            kept.append(char)
    return "".join(kept)


def clean_filename(filename: str | None, max_length: int) -> str:
    """A file name for display and download: without path, control and bidi characters; shortened before its extension.

    Combining marks beyond MAX_MARKS in a row are removed. It is never used as a path: RFC 7578 section 4.2 asks
    receivers to ignore path information.
    """
    name = re.split(r"[/\\]", filename or "")[-1]
    name = _BIDI.sub("", _REFUSED.sub("", name))
    name = re.sub(r"[\t\r\n\u2028\u2029]+", " ", name).strip(" .")
    if find_marks(name) is not None:
        name = _without_excess_marks(name)
    if is_blank(name):
        return "file"
    if len(name) > max_length:
        stem, dot, ending = name.rpartition(".")
        name = f"{stem[: max_length - len(ending) - 1]}.{ending}" if dot and len(ending) <= 16 else name[:max_length]
    return name
