"""The process that works on one picture: prints a JSON line, then bytes; it runs alone and imports nothing of Sotto.

`decode` proves the picture, `clean` writes it without what a camera put into it, `thumbnail` writes a small one.

Before the answer comes the line READY: the decoder is loaded and the file can be read. What goes wrong earlier says
nothing about the picture.
"""

import errno
import json
import math
import resource
import sys
import warnings
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING or __name__ != "__main__":
    from services.file.picture_cleaner import CLEANERS, is_lossless_webp
else:  # alone, as a process: its neighbour is found by its place
    sys.path.append(str(Path(__file__).parent))
    from picture_cleaner import CLEANERS, is_lossless_webp

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 25_000_000
MAX_FRAMES = 1_000
MAX_MEMORY_BYTES = 1024**3
MAX_CPU_SECONDS = 10
THUMBNAIL_PIXELS = 400  # the longer side
READY = b"ready\n"
JPEG_QUALITY = 92  # of a picture that has to be turned; what need not be turned keeps its every bit

_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
_ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4: 5 to 8 turn the picture by a quarter
_CHUNK_BYTES = 1024**2
# What a broken picture can cause by itself: a seek to nowhere, too much memory, a write that is forbidden.
_OF_THE_PICTURE = {errno.EINVAL, errno.EOVERFLOW, errno.ENOMEM, errno.EFBIG}


class Refused(Exception):
    """The picture breaks a limit; the text is `pixels` or `frames`."""


def limit_process() -> None:
    """Bound memory and CPU time; forbid writing files and dumping core."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def prepare(path: str) -> None:
    """Load the decoder and read the file once; raises ImportError or OSError, and parses nothing."""
    from PIL import Image  # noqa: PLC0415 (only after the limits are set)

    Image.preinit()
    with open(path, "rb") as file:  # noqa: PTH123
        while file.read(_CHUNK_BYTES):
            pass


def opened(path: str, mime_type: str) -> "Image.Image":
    """The picture by its header alone; raises Refused where it is too large."""
    from PIL import Image  # noqa: PLC0415 (only after the limits are set)

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # the second fence: the warning that it raises is an error here
    image = Image.open(path, formats=[_FORMATS[mime_type]])
    check_pixels(image)
    return image


def decode(path: str, mime_type: str) -> tuple[dict[str, object], bytes]:
    """Decode every frame; raises Refused, or whatever Pillow raises for a file that is broken."""
    with opened(path, mime_type) as image:
        image.load()
        lies = image.getexif().get(_ORIENTATION, 1) in {5, 6, 7, 8}
        size = image.size
        # A JPEG's further pictures (MPO: previews, the other eye) are never shown.
        frame_count = 1 if mime_type == "image/jpeg" else decode_frames(image)
        width, height = reversed(size) if lies and frame_count == 1 else size  # an animation is not turned
    return {"width": width, "height": height, "is_animated": frame_count > 1}, b""


def decode_frames(image: "Image.Image") -> int:
    """Decode the frames after the first, and return how many there are in all."""
    for index in range(1, MAX_FRAMES + 1):
        try:
            image.seek(index)
        except EOFError:
            return index
        check_pixels(image)
        image.load()
    raise Refused("frames")


def check_pixels(image: "Image.Image") -> None:
    """Judge by the header, before a pixel is decoded."""
    if image.width * image.height > MAX_PIXELS:
        raise Refused("pixels")


def clean(path: str, mime_type: str) -> tuple[dict[str, object], bytes]:
    """The same picture without metadata, as it is to be shown; no bytes where there is nothing to take away."""
    with opened(path, mime_type) as image:
        turn = image.getexif().get(_ORIENTATION, 1) in range(2, 9)
        is_animated = getattr(image, "n_frames", 1) > 1 and mime_type != "image/jpeg"
        if turn and not is_animated:
            return {}, turned(image, path, mime_type)
    with open(path, "rb") as file:  # noqa: PTH123
        content = file.read()
    cleaned = CLEANERS[mime_type](content)
    return {}, b"" if cleaned == content else cleaned


def turned(image: "Image.Image", path: str, mime_type: str) -> bytes:
    """The picture with its orientation applied: decoded and encoded again, with its colours' profile and no more."""
    from PIL import ImageOps  # noqa: PLC0415

    kept = {name: image.info[name] for name in ("icc_profile", "transparency") if name in image.info}
    upright = ImageOps.exif_transpose(image)
    options: dict[str, object] = {} if mime_type == "image/png" else {"quality": JPEG_QUALITY}
    if mime_type == "image/webp":
        with open(path, "rb") as file:  # noqa: PTH123
            options["lossless"] = is_lossless_webp(file.read())
    out = BytesIO()
    upright.info.clear()
    upright.save(out, _FORMATS[mime_type], exif=b"", **options, **kept)
    return CLEANERS[mime_type](out.getvalue())


def thumbnail(path: str, mime_type: str) -> tuple[dict[str, object], bytes]:
    """A WebP of at most 400 pixels a side, of the first frame, and the BlurHash of the whole."""
    with opened(path, mime_type) as image:
        image.draft("RGB", (THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
        image.load()
        small = eight_bits(image).convert("RGBA" if image.has_transparency_data else "RGB")
        small.thumbnail((THUMBNAIL_PIXELS, THUMBNAIL_PIXELS))
    out = BytesIO()
    small.save(out, "WEBP", quality=80)
    found = {"width": small.width, "height": small.height, "blurhash": blurhash(small)}
    return found, out.getvalue()


def eight_bits(image: "Image.Image") -> "Image.Image":
    """Grey of 16 bits as grey of 8: Pillow would cut what is brighter."""
    if image.mode.startswith("I"):
        return image.convert("I").point(lambda value: value / 256).convert("L")
    return image


def blurhash(image: "Image.Image", across: int = 4, down: int = 3) -> str:
    """The BlurHash (woltapp/blurhash, Algorithm.md) of 4 × 3 components, over 32 × 32 pixels."""
    side = 32
    tiny = image.convert("RGB").resize((side, side))
    pixels = [[_linear(value) for value in tiny.getpixel((x, y))] for y in range(side) for x in range(side)]  # type: ignore[union-attr]
    factors = []
    for j in range(down):
        for i in range(across):
            waves = [
                math.cos(math.pi * i * (x + 0.5) / side)
                * math.cos(math.pi * j * (y + 0.5) / side)
                * (2 if i or j else 1)
                for y in range(side)
                for x in range(side)
            ]
            factors.append([sum(w * p[c] for w, p in zip(waves, pixels, strict=True)) / side**2 for c in range(3)])
    dc, ac = factors[0], factors[1:]
    most = max(abs(value) for factor in ac for value in factor)
    quantised = max(0, min(82, math.floor(most * 166 - 0.5)))
    scale = (quantised + 1) / 166
    text = _base83((across - 1) + (down - 1) * 9, 1) + _base83(quantised, 1)
    text += _base83((_srgb(dc[0]) << 16) + (_srgb(dc[1]) << 8) + _srgb(dc[2]), 4)
    for factor in ac:
        digits = [
            max(0, min(18, math.floor(math.copysign(abs(value / scale) ** 0.5, value) * 9 + 9.5))) for value in factor
        ]
        text += _base83(digits[0] * 19 * 19 + digits[1] * 19 + digits[2], 2)
    return text


def _linear(value: int) -> float:
    share = value / 255
    return share / 12.92 if share <= 0.04045 else float(((share + 0.055) / 1.055) ** 2.4)


def _srgb(value: float) -> int:
    share = max(0.0, min(1.0, value))
    return round((share * 12.92 if share <= 0.0031308 else 1.055 * share ** (1 / 2.4) - 0.055) * 255)


def _base83(value: int, length: int) -> str:
    digits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz#$%*+,-.:;=?@[]^_{|}~"
    return "".join(digits[value // 83**place % 83] for place in reversed(range(length)))


def main(command: str, path: str, mime_type: str) -> None:
    """Print READY and the answer; whatever goes wrong after READY is an answer too."""
    limit_process()
    warnings.simplefilter("error")
    # Broken metadata is common in honest photographs, and nobody is shown it.
    warnings.filterwarnings("ignore", module=r"PIL\.(Tiff|Jpeg)ImagePlugin")
    prepare(path)
    sys.stdout.buffer.write(READY)
    sys.stdout.buffer.flush()
    content = b""
    try:
        answer, content = {"decode": decode, "clean": clean, "thumbnail": thumbnail}[command](path, mime_type)
        answer["bytes"] = len(content)
    except Refused as refused:
        answer = {"refused": str(refused)}
    except Exception as error:  # (Pillow's plugins raise anything, and none of it is a person's to read)
        if isinstance(error, OSError) and error.errno is not None and error.errno not in _OF_THE_PICTURE:
            raise  # the disk failed: no answer says so
        is_bomb = type(error).__name__.startswith("DecompressionBomb")
        answer = {"refused": "pixels" if is_bomb else "broken"}
    sys.stdout.buffer.write(json.dumps(answer).encode() + b"\n" + content)


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], sys.argv[3])
