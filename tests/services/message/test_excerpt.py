"""Excerpts: the place of a text where a search found its words, in spans that are safe to show."""

import threading
from collections.abc import Mapping
from dataclasses import replace
from itertools import pairwise

import pytest

from models.highlight import Place, places_of
from services.error import BadRequest
from services.message.excerpt import MAX_EXCERPT, MOST_EXAMINED, SLICE, SearchQuery, TextSpan, _folded, excerpts_of
from services.message.message import SearchFilter
from services.text import is_border
from tests.services.conftest import World

FILLER = "Lorem ipsum dolor sit amet, consetetur sadipscing elitr, sed diam nonumy eirmod tempor invidunt. " * 4
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467\u200d\U0001f466"
FLAG = "\U0001f1e6\U0001f1f9"


def excerpt(text: str, query: str) -> str:
    """The excerpt of one text, with brackets around each match."""
    (spans,) = excerpts_of({1: text}, SearchQuery.parse(query)).values()
    check(text, spans)
    return "".join(f"[{each.text}]" if each.is_match else each.text for each in spans)


def check(text: str, spans: list[TextSpan]) -> None:
    """What holds for every excerpt: one piece of the text within the bound, no grapheme cut, no needless span."""
    whole = "".join(each.text for each in spans)
    is_cut_before, is_cut_after = whole != text and whole[0] == "…", whole != text and whole[-1] == "…"
    piece = whole[is_cut_before : len(whole) - is_cut_after]
    start = text.index(piece)

    assert len(piece) <= MAX_EXCERPT
    assert is_cut_before == (start > 0)
    assert is_cut_after == (start + len(piece) < len(text))
    assert all(each.text for each in spans)
    assert all(a.is_match != b.is_match or a.is_match for a, b in pairwise(spans))
    place = start
    for each in spans:
        assert is_border(text, place)
        place += len(each.text.strip("…") if not each.is_match else each.text)


@pytest.mark.parametrize(
    ("text", "query", "expected"),
    [
        ("The harbour is closed.", "harbour", "The [harbour] is closed."),
        ("The harbour is closed.", "HARB", "The [harb]our is closed."),
        ("harbour harbours harb", "harbour harb", "[harbour] [harb]ours [harb]"),
        ("closed, closed", "closed clos closed", "[closed], [closed]"),
        ("the end", "the end", "[the] [end]"),
        ("a b abc", "a", "[a] b abc"),
        ("Zoë's café", "zoe cafe", "[Zoë]'s [café]"),
        ("Zoe\u0308's cafe\u0301.", "zoë café", "[Zoe\u0308]'s [cafe\u0301]."),
        ("cafe\u0301teria", "CAFÉ", "[cafe\u0301]teria"),
        ("re\u0301sume\u0301", "re\u0301su", "[re\u0301su]me\u0301"),
        ("İstanbul'da ISTANBUL", "istan", "[İstan]bul'da [ISTAN]BUL"),
        (f"harbour{FAMILY}{FLAG} harbour", "harbour", f"[harbour]{FAMILY}{FLAG} [harbour]"),
        ("今天天气很好，我们去港口", "今天", "[今天]天气很好，我们去港口"),
        ("今天天气很好", "今", None),
        ("שלום עולם, נמל", "עולם", "שלום [עולם], נמל"),
        ("مرحبا بالميناء", "بال", "مرحبا [بال]ميناء"),
        ("Straße und Strasse", "straß", "[Straß]e und Strasse"),
        ("foo_bar foo bar", "foo_ba", "[foo_ba]r [foo bar]"),
        ("<b>bold</b> & more", "bold", "<b>[bold]</b> & more"),
        ("one\ntwo\n\nthree", "two", "one\n[two]\n\nthree"),
        ("…", "x", "…"),
    ],
)
def test_an_excerpt_marks_what_the_search_matched(text: str, query: str, expected: str | None) -> None:
    """Without case and accents; of the last word its beginning. Where nothing matches, nothing is marked."""
    assert excerpt(text, query) == (expected or text)


def test_a_long_text_is_cut_between_words_around_the_match() -> None:
    """With an ellipsis at each end that is cut."""
    shown = excerpt(f"{FILLER}The harbour is closed. {FILLER}", "harbour")

    assert shown == (
        "…diam nonumy eirmod tempor invidunt. The [harbour] is closed. Lorem ipsum dolor sit amet, consetetur "
        "sadipscing elitr, sed diam nonumy eirmod tempor invidunt. Lorem ipsum dolor sit amet, consetetur…"
    )


@pytest.mark.parametrize(
    ("text", "begins", "ends"),
    [(f"harbour {FILLER}", "[harbour] Lorem", "…"), (f"{FILLER}harbour", "…", "invidunt. [harbour]")],
)
def test_a_match_at_an_end_of_the_text_has_no_ellipsis_there(text: str, begins: str, ends: str) -> None:
    """A match at the end is shown with more of what is before it."""
    shown = excerpt(text, "harbour")

    assert shown.startswith(begins)
    assert shown.endswith(ends)
    assert len(shown) > MAX_EXCERPT - 30


def test_an_excerpt_is_where_most_of_the_words_are() -> None:
    """Rather than at the first match."""
    shown = excerpt(f"The gate. The gate. {FILLER}The harbour gate is closed. {FILLER}", "gate harbour")

    assert "The [harbour] [gate] is closed." in shown


@pytest.mark.parametrize(
    "text",
    [
        "x" * 10_000,
        "今天天气很好" * 1_666,
        f"harbour {FAMILY * 1_400}",
        f"harbour {FLAG * 4_900}",
        f"harbour {('e' + chr(0x301) * 30) * 320}",
        f"{FAMILY * 1_400} harbour {FAMILY * 20}",
        f"{FLAG * 2_500}harbour{FLAG * 2_400}",
        f"{('e' + chr(0x301) * 30) * 160} harbour {('e' + chr(0x301) * 30) * 160}",
        "harbour " * 1_250,
        "harbour" + "\u200d" * 9_993,
    ],
    ids=range(10),
)
@pytest.mark.parametrize("query", ["harbour", "今天", "xx", "nothing"])
def test_a_text_of_the_greatest_length_is_cut_at_graphemes(text: str, query: str) -> None:
    """Also where it has no words; what matches is shown at least in part."""
    if "\u200d" * 2 in text:  # one grapheme, longer than any excerpt
        (spans,) = excerpts_of({1: text}, SearchQuery.parse(query)).values()
        assert len("".join(each.text for each in spans)) <= MAX_EXCERPT + 2
        return
    shown = excerpt(text, query)
    found = {"harbour": "harbour", "今天": "今天", "xx": "x"}.get(query)

    assert ("[" in shown) == (found is not None and found in text)
    assert len(shown) > 100


@pytest.mark.parametrize("text", ["", "  ", "!?", "\u0301", "\U0001f600"])
def test_a_query_without_a_letter_or_digit_is_refused(text: str) -> None:
    """Marks alone are none."""
    with pytest.raises(BadRequest, match="at least one letter or digit"):
        SearchQuery.parse(text)


def test_a_border_is_where_no_grapheme_is_cut() -> None:
    """Marks, joined emoji, skin tones, flags, line ends, Hangul."""
    for whole in ("e\u0301", FAMILY, "\U0001f44d\U0001f3fd", FLAG, "\r\n", "\u1112\u1161\u11ab", "1\ufe0f\u20e3"):
        text = f"{FLAG}{whole}{whole}"
        borders = [place for place in range(len(text) + 1) if is_border(text, place)]
        assert borders == [0, 2, 2 + len(whole), 2 + 2 * len(whole)]


async def test_the_excerpts_of_a_page_are_those_of_its_messages(world: World) -> None:
    """As they are found: after an edit, of the new text."""
    alice, bob = await world.people("alice", "bob")
    first, second = [await world.send(alice, "bob", text=text) for text in ("The harbour.", "Some harbours.")]
    await world.services.edit.edit(alice, second, "Another harbour, then.", None)
    await world.services.sweeper.index()
    page = await world.services.message.search(bob, "harb", SearchFilter(), None, None)
    excerpts = await world.services.message.excerpts(bob, "harb", page.items)

    assert excerpts == {
        first: [TextSpan("The "), TextSpan("harb", is_match=True), TextSpan("our.")],
        second: [TextSpan("Another "), TextSpan("harb", is_match=True), TextSpan("our, then.")],
    }  # fmt: skip


async def looked_through(world: World, monkeypatch: pytest.MonkeyPatch, texts: list[str], query: str) -> list[int]:
    """How many code points of a page were looked through at a time for its excerpts, without a database reader."""
    alice, _bob = await world.people("alice", "bob")
    number = iter(range(len(texts)))
    id_ = await world.send(alice, "bob")
    view = (await world.services.message.find_many(alice, [id_]))[id_]
    found = [replace(view, row=view.row._replace(id=next(number), body=text)) for text in texts]
    sizes: list[int] = []

    def counting(part: Mapping[int, str], match: str, most: int) -> dict[int, list[Place]]:
        sizes.append(sum(map(len, part.values())))
        assert threading.current_thread() is not threading.main_thread()
        return places_of(part, match, most)

    async def read(*_args: object) -> None:
        pytest.fail("a database reader was used")

    monkeypatch.setattr("services.message.excerpt.places_of", counting)
    monkeypatch.setattr(world.services.database, "read", read)
    excerpts = await world.services.message.excerpts(alice, query, found)

    assert list(excerpts) == list(range(len(texts)))
    assert all(text.startswith(excerpts[id_][0].text[:5]) for id_, text in enumerate(texts))
    return sizes


@pytest.mark.parametrize(
    ("text", "query"),
    [
        ("\uac00" * 10_000, "\uac00" * 2),
        ("\U0001d400" * 10_000, "\U0001d400" * 2),
        (("\uac00" * 999 + " ") * 10, "\uac00" * 400 + " " + "\uac00" * 500),
        (("e" + "\u0301" * 30) * 320, "e" * 400 + " eee"),
        ((FILLER * 30)[:10_000], "lorem"),
    ],
    ids=["hangul", "letters-beyond-the-plane", "long-words", "marks", "prose"],
)
async def test_a_page_of_the_longest_texts_takes_bounded_work(
    world: World, monkeypatch: pytest.MonkeyPatch, text: str, query: str
) -> None:
    """200 texts of 10,000 characters: in small parts, of which each character is folded about once at most."""
    _folded.cache_clear()
    sizes = await looked_through(world, monkeypatch, [text] * 200, query)
    folds = _folded.cache_info()

    assert MOST_EXAMINED <= sum(sizes) < MOST_EXAMINED + 10_000
    assert max(sizes) < SLICE + 10_000
    assert folds.hits + folds.misses < 1.2 * MOST_EXAMINED
    assert folds.misses < 10


def test_a_word_is_compared_no_further_than_what_is_searched() -> None:
    """One text of a single word."""
    _folded.cache_clear()
    assert excerpt("\uac00" * 10_000, "\uac00\uac00") == "[\uac00\uac00]" + "\uac00" * 198 + "…"
    folds = _folded.cache_info()

    assert folds.hits + folds.misses < 100


async def test_a_page_with_too_much_text_ends_in_beginnings(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts that are looked through come first, in whole."""
    monkeypatch.setattr("services.message.excerpt.MOST_EXAMINED", 30)
    alice, _bob = await world.people("alice", "bob")
    ids = [await world.send(alice, "bob", text=f"{number} harbour {FILLER}") for number in range(3)]
    await world.services.sweeper.index()
    page = await world.services.message.search(alice, "harbour", SearchFilter(), None, None)
    excerpts = await world.services.message.excerpts(alice, "harbour", page.items)

    assert [any(span.is_match for span in excerpts[id_]) for id_ in ids] == [False, False, True]
    assert [span.text[:11] for id_ in ids[:2] for span in excerpts[id_]] == ["0 harbour L", "1 harbour L"]
    assert excerpts[ids[0]][0].text[-1] == "…"
