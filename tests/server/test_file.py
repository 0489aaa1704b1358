"""Downloads: access, ranges, and headers that keep hostile files harmless."""

import hashlib
import io
import time
from pathlib import Path

import pytest
from PIL import Image

from models import user as users
from models.attachment import AttachmentRow
from server.file import headers_of
from server.setting.settings import load_settings
from services.account.sign_up import SignUp
from services.file.download import Download
from tests.server.house import House, house_of

TEXT = b"0123456789" * 10
LARGE_BYTES = 24 * 1024**2


def png() -> bytes:
    """A valid image."""
    out = io.BytesIO()
    Image.new("RGB", (8, 6), (200, 30, 60)).save(out, "PNG")
    return out.getvalue()


async def test_a_picture_is_shown_in_the_page_under_strict_headers(house: House) -> None:
    """The exact headers of a download."""
    content = png()
    row = await house.send(content, "map.png")

    async with house.http.get(house.path(row)) as response:
        body = await response.read()

    assert (response.status, body) == (200, content)
    headers = dict(response.headers)
    del headers["Date"]
    kept, max_age = headers.pop("Cache-Control").rsplit("=", 1)
    assert kept == "private, max-age"
    assert 299 <= int(max_age) <= 300
    assert headers == {
        "Content-Type": "image/png",
        "Content-Length": str(len(content)),
        "Content-Disposition": "inline; filename=\"map.png\"; filename*=UTF-8''map.png",
        "X-Content-Type-Options": "nosniff",
        "Content-Security-Policy": "sandbox; default-src 'none'",
        "Cross-Origin-Resource-Policy": "same-origin",
        "Accept-Ranges": "bytes",
        "Etag": f'"{hashlib.sha256(content).hexdigest()}"',
        "Referrer-Policy": "no-referrer",
    }


async def test_a_browser_asks_again_within_five_minutes(tmp_path: Path) -> None:
    """However long the URL is valid: from then on a file that was deleted for everyone is not shown from a cache."""
    async with house_of(load_settings(data=tmp_path, port=0, url_life_seconds=86_400)) as house:
        row = await house.send(png(), "map.png")
        path = house.path(row, seconds=86_400)
        async with house.http.get(path) as response:
            kept = response.headers["Cache-Control"]
            revalidate = {"If-None-Match": response.headers["ETag"]}
        async with house.http.get(path, headers=revalidate) as response:
            again = (response.status, response.headers["Cache-Control"])
        await house.running.services.deletion.delete_for_everyone(house.alice, row.message_id)
        async with house.http.get(path, headers=revalidate) as response:
            gone = (response.status, response.headers["Cache-Control"])

    assert (kept, again) == ("private, max-age=300", (304, "private, max-age=300"))
    assert gone == (404, "no-store")


@pytest.mark.parametrize("origins", ["https://app.example.org", "loopback"])
async def test_pages_of_other_origins_show_pictures_where_any_is_allowed(tmp_path: Path, origins: str) -> None:
    """Fetch §3.7: otherwise browsers block an `<img>` even on a subdomain; the URL is signed for its viewer."""
    async with house_of(load_settings(data=tmp_path, port=0, allowed_origins=origins)) as house:
        row = await house.send(png(), "map.png")
        policies = {}
        for method, headers in (
            ("GET", {}),
            ("HEAD", {}),
            ("GET", {"If-None-Match": "*"}),
            ("GET", {"Range": "bytes=0-3"}),
        ):
            async with house.http.request(method, house.path(row), headers=headers) as response:
                policies[response.status, method] = response.headers["Cross-Origin-Resource-Policy"]
        async with house.http.get("/healthz") as response:
            assert "Cross-Origin-Resource-Policy" not in response.headers

    assert set(policies) == {(200, "GET"), (200, "HEAD"), (304, "GET"), (206, "GET")}
    assert set(policies.values()) == {"cross-origin"}


@pytest.mark.parametrize(
    ("content", "filename", "inline"),
    [(TEXT, "notes.txt", True), (b"<script>alert(1)</script>", "page.html", True), (png(), "map.png", False)],
    ids=["text", "page", "picture to save"],
)
async def test_anything_but_a_picture_that_is_asked_for_inline_is_saved(
    house: House, content: bytes, filename: str, inline: bool
) -> None:
    """Only decoded images are inline; everything else is `attachment`."""
    row = await house.send(content, filename)

    async with house.http.get(house.path(row, inline=inline)) as response:
        assert response.status == 200
        assert response.headers["Content-Type"] == row.mime_type
        assert response.headers["Content-Disposition"].startswith(f'attachment; filename="{filename}"')
        assert await response.read() == content


@pytest.mark.parametrize(
    ("filename", "expected"),
    [
        ("a b.txt", "filename=\"a b.txt\"; filename*=UTF-8''a%20b.txt"),
        ("naïve.txt", "filename=\"na_ve.txt\"; filename*=UTF-8''na%C3%AFve.txt"),
        ('say "hi".txt', "filename=\"say _hi_.txt\"; filename*=UTF-8''say%20%22hi%22.txt"),
        ("50%\\x.txt", "filename=\"50__x.txt\"; filename*=UTF-8''50%25%5Cx.txt"),
        ("日本.png", "filename=\"__.png\"; filename*=UTF-8''%E6%97%A5%E6%9C%AC.png"),
        ("a\r\nX: y.txt", "filename=\"a__X: y.txt\"; filename*=UTF-8''a%0D%0AX%3A%20y.txt"),
    ],
)
def test_a_file_name_is_sent_in_both_forms(filename: str, expected: str) -> None:
    """RFC 6266, section 4.3 and appendix D: an ASCII name without quotes and escapes, and the full name."""
    row = AttachmentRow(1, 0, "key", 5, filename, "text/plain", 1, bytes(32), *(None,) * 4, 1, *(None,) * 4)

    assert headers_of(Download(row, is_inline=False, expires_at=0))["Content-Disposition"] == f"attachment; {expected}"


async def test_a_file_name_can_follow_the_token(house: House) -> None:
    """For people and programs that look at extensions; it is ignored."""
    row = await house.send(TEXT, "notes.txt")

    async with house.http.get(f"{house.path(row)}/anything at all.txt") as response:
        assert response.status == 200
        assert await response.read() == TEXT


async def test_head_tells_all_but_the_bytes(house: House) -> None:
    """RFC 9110, section 9.3.2."""
    path = house.path(await house.send(TEXT, "notes.txt"))

    async with house.http.get(path) as whole, house.http.head(path) as response:
        assert response.status == 200
        assert {**response.headers, "Date": ""} == {**whole.headers, "Date": ""}
        assert await response.read() == b""


@pytest.mark.parametrize(
    ("asked", "start", "end"),
    [
        ("bytes=0-0", 0, 1),
        ("bytes=10-19", 10, 20),
        ("bytes=90-", 90, 100),
        ("bytes=90-5000", 90, 100),
        ("bytes=-7", 93, 100),
        ("bytes=-5000", 0, 100),
        ("bytes=0-", 0, 100),
        ("bytes=0-99999999999999999999999999", 0, 100),
    ],
)
async def test_a_range_is_sent_as_206(house: House, asked: str, start: int, end: int) -> None:
    """RFC 9110, section 14: 206 with Content-Range."""
    path = house.path(await house.send(TEXT, "notes.txt"))

    async with house.http.get(path, headers={"Range": asked}) as response:
        assert response.status == 206
        assert response.headers["Content-Range"] == f"bytes {start}-{end - 1}/100"
        assert response.headers["Content-Length"] == str(end - start)
        assert await response.read() == TEXT[start:end]


@pytest.mark.parametrize("asked", ["bytes=100-", "bytes=100-200", "bytes=99999999999999999999999999-", "bytes=-0"])
async def test_a_range_after_the_end_is_416_with_the_size(house: House, asked: str) -> None:
    """RFC 9110, section 15.5.17: 416."""
    path = house.path(await house.send(TEXT, "notes.txt"))

    async with house.http.get(path, headers={"Range": asked}) as response:
        assert response.status == 416
        assert response.headers["Content-Range"] == "bytes */100"
        assert response.headers["Cache-Control"] == "no-store"
        assert await response.read() == b""


@pytest.mark.parametrize(
    "asked", ["bytes=0-1,5-6", "lines=1-2", "bytes=", "bytes=-", "bytes=5-4", "bytes=a-b", "bytes=1", "bytes=١-٢"]
)
async def test_a_range_that_is_not_understood_is_ignored(house: House, asked: str) -> None:
    """RFC 9110, section 14.2: the whole file is sent, also for several ranges."""
    path = house.path(await house.send(TEXT, "notes.txt"))

    async with house.http.get(path, headers={"Range": asked}) as response:
        assert response.status == 200
        assert await response.read() == TEXT


async def test_a_range_of_another_version_is_not_sent(house: House) -> None:
    """RFC 9110, section 13.1.5: `If-Range` with our ETag gives the range; with another or a date, the whole file."""
    path = house.path(await house.send(TEXT, "notes.txt"))
    etag = f'"{hashlib.sha256(TEXT).hexdigest()}"'

    for condition, status in (
        (etag, 206),
        (f"W/{etag}", 200),
        ('"other"', 200),
        ("Sat, 21 Nov 2026 03:00:00 GMT", 200),
    ):
        async with house.http.get(path, headers={"Range": "bytes=0-9", "If-Range": condition}) as response:
            assert response.status == status, condition


async def test_what_the_client_has_is_not_sent_again(house: House) -> None:
    """RFC 9110, section 13.1.2: `If-None-Match` compares weakly and accepts lists and `*`."""
    path = house.path(await house.send(TEXT, "notes.txt"))
    etag = f'"{hashlib.sha256(TEXT).hexdigest()}"'

    for condition in (etag, f"W/{etag}", f'"other", {etag}', "*"):
        async with house.http.get(path, headers={"If-None-Match": condition}) as response:
            assert response.status == 304, condition
            assert response.headers["ETag"] == etag
            assert await response.read() == b""
    async with house.http.get(path, headers={"If-None-Match": '"other"'}) as response:
        assert response.status == 200


async def status_of(house: House, path: str) -> int:
    """The status of a download; a refusal is a 404 that does not depend on the reason."""
    async with house.http.get(path) as response:
        if response.status != 200:
            body = {"errors": [{"message": "There is no such file.", "extensions": {"code": "NOT_FOUND"}}]}
            assert await response.json() == body
        return response.status


async def test_a_changed_token_is_refused(house: House) -> None:
    """Every bit of a token is signed; others cannot create one."""
    path = house.path(await house.send(TEXT, "notes.txt"))
    token = path.removeprefix("/files/")

    for index in range(len(token)):
        other = "A" if token[index] != "A" else "B"
        assert await status_of(house, f"/files/{token[:index]}{other}{token[index + 1 :]}") == 404
    for other in ("x", token[:-1], token + "A", token + "==", "%00", "é"):
        assert await status_of(house, f"/files/{other}") == 404


async def test_a_url_expires(house: House, monkeypatch: pytest.MonkeyPatch) -> None:
    """URLs are valid for minutes."""
    path = house.path(await house.send(TEXT, "notes.txt"), seconds=300)
    assert await status_of(house, path) == 200

    later = time.time_ns() // 1_000_000 + 601_000
    monkeypatch.setattr("services.file.download.now_ms", lambda: later)

    assert await status_of(house, path) == 404


async def test_access_is_checked_for_each_request(house: House) -> None:
    """The URL of an account that was suspended meanwhile is a 404, never 403."""
    path = house.path(await house.send(TEXT, "notes.txt"))
    assert await status_of(house, path) == 200

    bob = house.bob.user_id
    await house.running.services.database.write(lambda tx: tx.run(users.SET_STATE, id=bob, state=users.SUSPENDED))

    assert await status_of(house, path) == 404


async def test_a_stranger_cannot_open_a_file_with_a_token_of_their_own(house: House) -> None:
    """They cannot see the message, so even a URL signed for them is refused."""
    row = await house.send(TEXT, "notes.txt")
    carol = (await house.running.services.account.sign_up(SignUp("carol", "pass of carol"))).viewer

    path = house.running.services.download.url_path(carol, row, 300, inline=True)

    assert await status_of(house, path) == 404
