"""Images as PNG files."""

from __future__ import annotations

import struct
import zlib
from typing import Any

import numpy as np

Array = np.ndarray[Any, Any]


def encode_png(values: Array) -> bytes:
    """Encode an image of channels of 0 to 255, `(3, h, w)`, or of one channel, `(h, w)`.

    Raises:
        ValueError: The shape or dtype is another.

    Source: Portable Network Graphics, third edition (W3C, 2025).
    """
    gray = values.ndim == 2
    if values.dtype != np.uint8 or not (gray or (values.ndim == 3 and len(values) == 3)):
        came = f"{values.dtype} {values.shape}"
        raise ValueError(f"encode_png: values must be uint8 (3, h, w) or (h, w), got {came}")
    rows = values[..., None] if gray else np.moveaxis(values, 0, -1)
    height, width = rows.shape[:2]
    header = struct.pack(">IIBBBBB", width, height, 8, 0 if gray else 2, 0, 0, 0)
    # Each row begins with the number of its filter: 1 is each pixel less its left neighbor, with
    # which the digits take less than half the room.
    left = np.zeros_like(rows)
    left[:, 1:] = rows[:, :-1]
    pixels = b"".join(b"\1" + row.tobytes() for row in rows - left)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(pixels, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(_chunk(kind, data) for kind, data in chunks)


def _chunk(kind: bytes, data: bytes) -> bytes:
    return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
