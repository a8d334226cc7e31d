#!/usr/bin/env python3
"""Render the icon's pictures from its two drawings; run it after a change to one of them.

    packaging/icons.py            writes assets/icon/png/*.png, lab.ico and lab.icns

`lab-small.svg` is drawn on a grid of 16 pixels and serves up to 24; `lab.svg` serves what is larger. Needs
`rsvg-convert` (Debian: librsvg2-bin). The two containers are written here: both hold PNG files as they are, behind a
table of sizes (Windows Vista and macOS 10.7 and later read these).
"""

import pathlib
import struct
import subprocess

ICON = pathlib.Path(__file__).resolve().parent.parent / "assets" / "icon"
SIZES = [16, 24, 32, 48, 64, 128, 256, 512]
SMALL_MAX = 24
ICO_SIZES = [16, 24, 32, 48, 64, 128, 256]
# The type of each entry of an .icns file, and the width of its picture; @2x entries are twice their nominal size.
ICNS_TYPES = [("ic11", 32), ("ic12", 64), ("ic07", 128), ("ic13", 256), ("ic08", 256), ("ic14", 512), ("ic09", 512)]


def render(size: int) -> bytes:
    drawing = ICON / ("lab-small.svg" if size <= SMALL_MAX else "lab.svg")
    words = ["rsvg-convert", "--width", str(size), "--height", str(size), str(drawing)]
    return subprocess.run(words, check=True, stdout=subprocess.PIPE).stdout


def ico(pictures: dict[int, bytes]) -> bytes:
    """A header, a row for each picture (0 stands for 256), then the pictures."""
    offset = 6 + 16 * len(ICO_SIZES)
    head, body = struct.pack("<HHH", 0, 1, len(ICO_SIZES)), b""
    for size in ICO_SIZES:
        picture = pictures[size]
        head += struct.pack("<BBBBHHII", size % 256, size % 256, 0, 0, 1, 32, len(picture), offset + len(body))
        body += picture
    return head + body


def icns(pictures: dict[int, bytes]) -> bytes:
    """A magic word and the length of all, then type, length and picture of each entry, big-endian."""
    entries = b""
    for kind, size in ICNS_TYPES:
        entries += kind.encode() + struct.pack(">I", 8 + len(pictures[size])) + pictures[size]
    return b"icns" + struct.pack(">I", 8 + len(entries)) + entries


def main() -> None:
    (ICON / "png").mkdir(exist_ok=True)
    pictures = {size: render(size) for size in SIZES}
    for size, picture in pictures.items():
        (ICON / "png" / f"{size}.png").write_bytes(picture)
    (ICON / "lab.ico").write_bytes(ico(pictures))
    (ICON / "lab.icns").write_bytes(icns(pictures))


if __name__ == "__main__":
    main()
