"""Draw the six RGB digits of the catalog from scikit-learn's handwritten digits.

    python -m pip install scikit-learn==1.9.1
    python scripts/draw_digits.py

Each of the digits 0 to 5 is the first of its kind in the data set, enlarged from 8 × 8 to
150 × 150 pixels by linear interpolation and given two colors of its own. The result is the same
to the byte on every run.

Source of the pictures: E. Alpaydin and C. Kaynak, "Optical Recognition of Handwritten Digits",
UCI Machine Learning Repository, 1998 (CC BY 4.0), as scikit-learn ships it.
"""

from pathlib import Path

import numpy as np
from sklearn.datasets import load_digits

SIDE = 150
TARGET = Path(__file__).parent.parent / "einport" / "catalog" / "data" / "digits.npz"

PAPER = np.array([255, 252, 240])
INK = np.array(
    [[214, 39, 40], [31, 119, 180], [44, 160, 44], [148, 103, 189], [255, 127, 14], [23, 94, 107]]
)


def enlarge(image: np.ndarray) -> np.ndarray:
    """Interpolate linearly between pixel centres, first along rows, then along columns."""
    at = (np.arange(SIDE) + 0.5) * len(image) / SIDE - 0.5
    grid = np.arange(len(image))
    wide = np.stack([np.interp(at, grid, row) for row in image])
    return np.stack([np.interp(at, grid, column) for column in wide.T]).T


def main() -> None:
    """Draw the digits and store them compressed."""
    data = load_digits()
    pictures = []
    for digit, ink in enumerate(INK):
        first = int(np.flatnonzero(data.target == digit)[0])
        strength = enlarge(data.images[first] / 16)
        color = PAPER[:, None, None] + strength * (ink - PAPER)[:, None, None]
        pictures.append(color.round().astype(np.uint8))
    TARGET.parent.mkdir(exist_ok=True)
    np.savez_compressed(TARGET, digits=np.stack(pictures))
    print(f"wrote {TARGET.name}: {TARGET.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
