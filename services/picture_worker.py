"""The process that decodes one picture and prints one JSON line; it runs alone and imports nothing of Sotto."""

import json
import resource
import sys
import warnings
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PIL import Image

MAX_PIXELS = 25_000_000
MAX_FRAMES = 1_000
MAX_MEMORY_BYTES = 1024**3
MAX_CPU_SECONDS = 10

_FORMATS = {"image/png": "PNG", "image/jpeg": "JPEG", "image/gif": "GIF", "image/webp": "WEBP"}
_ORIENTATION = 0x0112  # EXIF 2.32, 4.6.4: 5 to 8 turn the picture by a quarter


class Refused(Exception):
    """The picture breaks a limit; the text is `pixels` or `frames`."""


def limit_process() -> None:
    """Bound memory and CPU time; forbid writing files and dumping core."""
    resource.setrlimit(resource.RLIMIT_AS, (MAX_MEMORY_BYTES, MAX_MEMORY_BYTES))
    resource.setrlimit(resource.RLIMIT_CPU, (MAX_CPU_SECONDS, MAX_CPU_SECONDS))
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, 0))
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))


def decode(path: str, mime_type: str) -> dict[str, object]:
    """Decode every frame; raises Refused, or whatever Pillow raises for a file that is broken."""
    from PIL import Image  # noqa: PLC0415 (only after the limits are set)

    Image.MAX_IMAGE_PIXELS = MAX_PIXELS  # the second fence: the warning that it raises is an error here
    with Image.open(path, formats=[_FORMATS[mime_type]]) as image:
        check_pixels(image)
        image.load()
        turned = image.getexif().get(_ORIENTATION, 1) in {5, 6, 7, 8}
        width, height = reversed(image.size) if turned else image.size
        # A JPEG's further pictures (MPO: previews, the other eye) are never shown.
        frame_count = 1 if mime_type == "image/jpeg" else decode_frames(image)
    return {"width": width, "height": height, "is_animated": frame_count > 1}


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


def main(path: str, mime_type: str) -> None:
    """Print the answer; whatever goes wrong is an answer too."""
    limit_process()
    warnings.simplefilter("error")
    # Broken metadata is common in honest photographs, and nobody is shown it.
    warnings.filterwarnings("ignore", module=r"PIL\.(Tiff|Jpeg)ImagePlugin")
    try:
        answer = decode(path, mime_type)
    except Refused as refused:
        answer = {"refused": str(refused)}
    except Exception as error:  # noqa: BLE001 (Pillow's plugins raise anything, and none of it is a person's to read)
        is_bomb = type(error).__name__.startswith("DecompressionBomb")
        answer = {"refused": "pixels" if is_bomb else "broken"}
    sys.stdout.write(json.dumps(answer) + "\n")


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2])
