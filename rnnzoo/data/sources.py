"""The real data sets: their files, where they come from, what they must contain, and whose they are."""

import math
from dataclasses import dataclass


@dataclass(frozen=True)
class SourceFile:
    """A file in IDX format, published gzipped.

    Attributes:
        name: file name without ".gz".
        shape: of the array of bytes that it holds.
        contents_sha256: of the unpacked file.
        archive_sha256: of the published archive `name`.gz.
        archive_bytes: size of that archive.
    """

    name: str
    shape: tuple[int, ...]
    contents_sha256: str
    archive_sha256: str
    archive_bytes: int

    @property
    def contents_bytes(self) -> int:
        """Size of the unpacked file: a magic number, a length a dimension, the bytes."""
        return 4 + 4 * len(self.shape) + math.prod(self.shape)


@dataclass(frozen=True)
class Source:
    """A data set.

    Attributes:
        name: in commands, and of its folder.
        title: what it is, in a line.
        files: its files; none where it comes with an installed package.
        mirrors: addresses of folders that hold the archives, tried in turn.
        licence: under which it may be used.
        citation: what to cite.
    """

    name: str
    title: str
    files: tuple[SourceFile, ...]
    mirrors: tuple[str, ...]
    licence: str
    citation: str


SOURCES: dict[str, Source] = {
    "mnist": Source(
        name="mnist",
        title="70,000 handwritten digits, 28 x 28 pixels",
        files=(
            SourceFile(
                name="train-images-idx3-ubyte",
                shape=(60_000, 28, 28),
                contents_sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                archive_sha256="440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                archive_bytes=9_912_422,
            ),
            SourceFile(
                name="train-labels-idx1-ubyte",
                shape=(60_000,),
                contents_sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                archive_sha256="3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                archive_bytes=28_881,
            ),
            SourceFile(
                name="t10k-images-idx3-ubyte",
                shape=(10_000, 28, 28),
                contents_sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                archive_sha256="8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                archive_bytes=1_648_877,
            ),
            SourceFile(
                name="t10k-labels-idx1-ubyte",
                shape=(10_000,),
                contents_sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                archive_sha256="f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
                archive_bytes=4_542,
            ),
        ),
        mirrors=(
            "https://ossci-datasets.s3.amazonaws.com/mnist/",
            "https://storage.googleapis.com/cvdf-datasets/mnist/",
        ),
        licence="CC BY-SA 3.0",
        citation="LeCun, Bottou, Bengio and Haffner, Gradient-based learning applied to document recognition, 1998",
    ),
    "digits": Source(
        name="digits",
        title="1,797 handwritten digits, 8 x 8 pixels; comes with scikit-learn",
        files=(),
        mirrors=(),
        licence="CC BY 4.0",
        citation="Alpaydin and Kaynak, Optical Recognition of Handwritten Digits, UCI, 1998",
    ),
}
"""Name → data set."""
