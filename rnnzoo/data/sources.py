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
        archive_hash: of the published archive `name`.gz, "sha256:…", or "md5:…" where its authors tell no other.
        archive_bytes: size of that archive.
    """

    name: str
    shape: tuple[int, ...]
    contents_sha256: str
    archive_hash: str
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
        folders: where packages of the system put the files, looked into after the user's folder and the cache.
        licence: under which it may be used.
        citation: what to cite.
    """

    name: str
    title: str
    files: tuple[SourceFile, ...]
    mirrors: tuple[str, ...]
    licence: str
    citation: str
    folders: tuple[str, ...] = ()


SOURCES: dict[str, Source] = {
    "mnist": Source(
        name="mnist",
        title="70,000 handwritten digits, 28 x 28 pixels",
        files=(
            SourceFile(
                name="train-images-idx3-ubyte",
                shape=(60_000, 28, 28),
                contents_sha256="ba891046e6505d7aadcbbe25680a0738ad16aec93bde7f9b65e87a2fc25776db",
                archive_hash="sha256:440fcabf73cc546fa21475e81ea370265605f56be210a4024d2ca8f203523609",
                archive_bytes=9_912_422,
            ),
            SourceFile(
                name="train-labels-idx1-ubyte",
                shape=(60_000,),
                contents_sha256="65a50cbbf4e906d70832878ad85ccda5333a97f0f4c3dd2ef09a8a9eef7101c5",
                archive_hash="sha256:3552534a0a558bbed6aed32b30c495cca23d567ec52cac8be1a0730e8010255c",
                archive_bytes=28_881,
            ),
            SourceFile(
                name="t10k-images-idx3-ubyte",
                shape=(10_000, 28, 28),
                contents_sha256="0fa7898d509279e482958e8ce81c8e77db3f2f8254e26661ceb7762c4d494ce7",
                archive_hash="sha256:8d422c7b0a1c1c79245a5bcf07fe86e33eeafee792b84584aec276f5a2dbc4e6",
                archive_bytes=1_648_877,
            ),
            SourceFile(
                name="t10k-labels-idx1-ubyte",
                shape=(10_000,),
                contents_sha256="ff7bcfd416de33731a308c3f266cc351222c34898ecbeaf847f06e48f7ec33f2",
                archive_hash="sha256:f7ae60f92e00ec6debd23a6088c31dbd2371eca3ffa0defaefb259924204aec6",
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
    "fashion": Source(
        name="fashion",
        title="70,000 pictures of clothes in ten classes, 28 x 28 pixels",
        files=(
            SourceFile(
                name="train-images-idx3-ubyte",
                shape=(60_000, 28, 28),
                contents_sha256="c59f468a2f672dc815687fe0f83887768d799fd8a3f3276145d20f83aa44d888",
                archive_hash="md5:8d4fb7e6c68d591d4c3dfef9ec88bf0d",
                archive_bytes=26_421_880,
            ),
            SourceFile(
                name="train-labels-idx1-ubyte",
                shape=(60_000,),
                contents_sha256="bad3541b69d912435c50bb6ba87bec294ff4f6a2e1246121d8633921760443d9",
                archive_hash="md5:25c81989df183df01b3e8a0aad5dffbe",
                archive_bytes=29_515,
            ),
            SourceFile(
                name="t10k-images-idx3-ubyte",
                shape=(10_000, 28, 28),
                contents_sha256="5b4141f0afbad91edebe8549f8fcffe087ea10ca49f1dbef5c9a5cd8815ce37b",
                archive_hash="md5:bef4ecab320f06d8554ea6380940ec79",
                archive_bytes=4_422_102,
            ),
            SourceFile(
                name="t10k-labels-idx1-ubyte",
                shape=(10_000,),
                contents_sha256="0402a96d92fd2663957122ceb108a494c5af83dab82d92729df917d7dec38c34",
                archive_hash="md5:bb300cfdad3c16e7a12a480ee83cd310",
                archive_bytes=5_148,
            ),
        ),
        mirrors=("http://fashion-mnist.s3-website.eu-central-1.amazonaws.com/",),
        licence="MIT",
        citation="Xiao, Rasul and Vollgraf, Fashion-MNIST: a Novel Image Dataset for Benchmarking, 2017",
        folders=("/usr/share/datasets/fashion-mnist",),
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
