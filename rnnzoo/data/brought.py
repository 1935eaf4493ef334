"""Data sets that are read in the form in which their authors hand them out, from a folder that the user brings.

They are looked for in `$RNNZOO_DATA/<name>`, then in the cache. Where a hash of the archive is known, `fetch_archive`
downloads it; the others are too many, or their archives have no hash that we could check: the user fetches them.
"""

import hashlib
from dataclasses import dataclass
from pathlib import Path

import pooch

from rnnzoo.data.errors import DataError
from rnnzoo.data.store import SECONDS_WITHOUT_AN_ANSWER, VARIABLE, cache_folder, own_folder, quiet

BLOCK = 1 << 20


@dataclass(frozen=True)
class Archive:
    """A file that can be downloaded and checked.

    Attributes:
        name: of the file.
        sha256: of its bytes.
        mirrors: addresses of folders that hold it, tried in turn.
    """

    name: str
    sha256: str
    mirrors: tuple[str, ...]


@dataclass(frozen=True)
class Brought:
    """A data set that the user brings.

    Attributes:
        name: of its folder.
        title: what it is, in a line.
        expects: the files that the folder must hold.
        page: where its authors hand it out.
        licence: under which it may be used.
        citation: what to cite.
        archive: what can be downloaded, or None.
    """

    name: str
    title: str
    expects: str
    page: str
    licence: str
    citation: str
    archive: Archive | None = None


BROUGHT: dict[str, Brought] = {
    "cifar10": Brought(
        name="cifar10",
        title="60,000 colour photographs of ten classes, 32 x 32 pixels",
        expects="cifar-10-python.tar.gz, or the folder cifar-10-batches-py from it",
        page="https://www.cs.toronto.edu/~kriz/cifar.html",
        licence="not stated by the authors",
        citation="Krizhevsky, Learning Multiple Layers of Features from Tiny Images, 2009",
        archive=Archive(
            "cifar-10-python.tar.gz",
            "6d958be074577803d12ecdefd02955f39262c83c16fe9348329d7fe0b5c001ce",
            ("https://www.cs.toronto.edu/~kriz/",),
        ),
    ),
    "har": Brought(
        name="har",
        title="10,299 windows of nine motion signals of 30 people, six activities",
        expects="the folders train and test of the archive, with 'Inertial Signals' in each",
        page="https://archive.ics.uci.edu/dataset/240",
        licence="CC BY 4.0",
        citation="Anguita, Ghio, Oneto, Parra and Reyes-Ortiz, A Public Domain Dataset for HAR, ESANN 2013",
    ),
    "imdb": Brought(
        name="imdb",
        title="50,000 film reviews, kind or unkind",
        expects="the folders train and test of the archive, with neg and pos in each",
        page="https://ai.stanford.edu/~amaas/data/sentiment/",
        licence="not stated by the authors",
        citation="Maas et al., Learning Word Vectors for Sentiment Analysis, ACL 2011",
    ),
    "uea": Brought(
        name="uea",
        title="labelled time series of the UEA and UCR archives, EigenWorms among them",
        expects="a folder a data set, e.g. EigenWorms/EigenWorms_TRAIN.ts and EigenWorms/EigenWorms_TEST.ts",
        page="https://www.timeseriesclassification.com",
        licence="differs from set to set",
        citation="Bagnall et al., The UEA multivariate time series classification archive, 2018",
    ),
    "tser": Brought(
        name="tser",
        title="time series with a number to each, BIDMC32HR and BIDMC32RR among them",
        expects="a folder a data set, e.g. BIDMC32HR/BIDMC32HR_TRAIN.ts and BIDMC32HR/BIDMC32HR_TEST.ts",
        page="http://tseregression.org",
        licence="differs from set to set",
        citation="Tan, Bergmeir, Petitjean and Webb, Time Series Extrinsic Regression, 2021",
    ),
    "text": Brought(
        name="text",
        title="any text files in UTF-8",
        expects="the files themselves, e.g. shakespeare.txt",
        page="your own",
        licence="your own",
        citation="your own",
    ),
}
"""Name → data set."""


def brought(name: str, *parts: str) -> Path:
    """Return the path of a file or folder of a data set, in the user's folder or in the cache.

    Args:
        name: of the data set.
        parts: the path below its folder; no part may lead out of it.

    Raises:
        DataError: it is in neither; the message says where it was looked for and how to get it.
    """
    if any(part in ("", ".", "..") or "/" in part or "\\" in part for part in parts):
        raise DataError(f"{name}: {'/'.join(parts)!r} is no path below the folder of the data set; give plain names")
    folders = [folder for folder in (own_folder(name), cache_folder(name)) if folder is not None]
    for folder in folders:
        path = folder.joinpath(*parts)
        if path.exists():
            return path
    known = BROUGHT[name]
    download = f"run `rnnzoo data fetch {name}`, or " if known.archive else ""
    raise DataError(
        f"{name}: {Path(*parts)} is not in {' nor in '.join(map(str, folders))}; {download}take it from {known.page} "
        f"and set {VARIABLE} to the folder that holds {name}/, with {known.expects}"
    )


def fetch_archive(name: str) -> Path:
    """Download the archive of a data set into the cache, checked by its hash, and return its path.

    Raises:
        DataError: it has none that can be checked, or every mirror failed.
    """
    known = BROUGHT[name]
    if known.archive is None:
        raise DataError(
            f"{name}: there is no archive with a known hash to download; take it from {known.page} and set {VARIABLE} "
            f"to the folder that holds {name}/, with {known.expects}"
        )
    failures = []
    for mirror in known.archive.mirrors:
        try:
            with quiet():
                path = pooch.retrieve(
                    url=mirror + known.archive.name,
                    known_hash=f"sha256:{known.archive.sha256}",
                    fname=known.archive.name,
                    path=cache_folder(name),
                    downloader=pooch.HTTPDownloader(timeout=SECONDS_WITHOUT_AN_ANSWER),
                )
            return Path(path)
        except (OSError, ValueError) as error:
            failures.append(f"{mirror}{known.archive.name}: {error}")
    raise DataError(f"{name}: could not be downloaded. What was tried: {'; '.join(failures)}")


def check_archive(name: str, path: Path) -> None:
    """Compare an archive with its known hash.

    Raises:
        DataError: it is damaged or something else.
    """
    archive = BROUGHT[name].archive
    assert archive is not None
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
    if digest.hexdigest() != archive.sha256:
        raise DataError(f"{path}: is not {archive.name} as its authors published it; take it from {BROUGHT[name].page}")
