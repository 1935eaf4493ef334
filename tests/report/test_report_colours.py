"""One look a cell: different from every other, also for the colour-blind and without colour."""

import itertools

import numpy as np
import pytest

from rnnzoo.report.colours import ZOO_STYLES, cell_styles

# Machado, Oliveira and Fernandes (2009), severity 1.0, on linear RGB
BLINDNESS = {
    "none": np.eye(3),
    "protanopia": np.array(
        [[0.152286, 1.052583, -0.204868], [0.114503, 0.786281, 0.099216], [-0.003882, -0.048116, 1.051998]]
    ),
    "deuteranopia": np.array(
        [[0.367322, 0.860646, -0.227968], [0.280085, 0.672501, 0.047413], [-0.011820, 0.042940, 0.968881]]
    ),
}


def lab(colour: str, matrix: np.ndarray) -> np.ndarray:
    """Return a colour in CIELAB as eyes with this matrix see it."""
    srgb = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255
    linear = np.where(srgb <= 0.04045, srgb / 12.92, ((srgb + 0.055) / 1.055) ** 2.4)
    seen = np.clip(matrix @ linear, 0, 1)
    xyz = np.array([[0.4124, 0.3576, 0.1805], [0.2126, 0.7152, 0.0722], [0.0193, 0.1192, 0.9505]]) @ seen
    ratio = xyz / np.array([0.9505, 1.0, 1.089])
    f = np.where(ratio > 0.008856, np.cbrt(ratio), 7.787 * ratio + 16 / 116)
    return np.array([116 * f[1] - 16, 500 * (f[0] - f[1]), 200 * (f[1] - f[2])])


@pytest.mark.parametrize("kind", sorted(BLINDNESS))
def test_colours_stay_apart(kind: str) -> None:
    distances = {
        (a, b): float(
            np.linalg.norm(lab(ZOO_STYLES[a].colour, BLINDNESS[kind]) - lab(ZOO_STYLES[b].colour, BLINDNESS[kind]))
        )
        for a, b in itertools.combinations(ZOO_STYLES, 2)
    }
    # 2.3 is just noticeable side by side; on thin lines about 10 are needed
    assert min(distances.values()) > 10, min(distances, key=lambda pair: distances[pair])


def test_markers_and_dashes_tell_cells_apart_without_colour() -> None:
    assert len({style.marker for style in ZOO_STYLES.values()}) == len(ZOO_STYLES) == 8
    assert not {style.marker for style in ZOO_STYLES.values()} & {"x", "X"}, "crosses are diverged runs"
    assert len({style.dash for style in ZOO_STYLES.values()}) >= 6


def test_users_cells_get_styles_of_their_own() -> None:
    mine = [f"mine {i}" for i in range(8)]
    styles = cell_styles([*ZOO_STYLES, *mine])
    assert list(styles) == [*ZOO_STYLES, *mine]
    assert len({style.colour for style in styles.values()}) == 16
    assert all(styles[name] == ZOO_STYLES[name] for name in ZOO_STYLES)
    assert cell_styles(list(reversed(mine)))["mine 3"] == styles["mine 3"]
    assert len({(s.colour, s.marker) for s in cell_styles([f"c{i}" for i in range(40)]).values()}) == 40
