"""EMNIST (Cohen et al., 2017): letters and digits from the NIST archive's IDX files.

A builder in this module reads the archive, because TFDS's own needs TensorFlow to
prepare the data. Prepared records are read once, in order, and cached beside them as
one array, because random access to records costs more than a training step on the
samples.
"""

import contextlib
import string
import sys
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import tensorflow_datasets as tfds
from tensorflow_datasets.core.download.checksums import UrlInfo
from tensorflow_datasets.core.download.download_manager import (
    NonMatchingChecksumError,
)
from tensorflow_datasets.core.utils import Size

from strokejax.data.dataset import Dataset, as_rasters, data_root
from strokejax.data.sets.mnist import read_idx
from strokejax.data.splits import check_split
from strokejax.table.symbols import STROKES
from strokejax.types import InputError

URL = "https://biometrics.nist.gov/cs_links/EMNIST/gzip.zip"
ARCHIVE = "gzip.zip"
ARCHIVE_BYTES = 561_753_746
ARCHIVE_SHA256 = "fb9bb67e33772a9cc0b895e4ecf36d2cf35be8b709693c3564cea2a019fcda8e"

SIDE = 28
"""Pixels of an image in each direction."""
SPLITS = {"train": "train", "validation": "test"}
_CHARACTERS = string.digits + string.ascii_uppercase
CLASSES: dict[str, str] = {
    "byclass": _CHARACTERS + string.ascii_lowercase,
    "balanced": _CHARACTERS + "abdefghnqrt",
    "letters": string.ascii_lowercase,
}
"""The symbol of each class in EMNIST's order. Balanced merges upper and lower case of
15 letters, named in upper case; Letters merges all, numbers its classes from 1, and is
named in lower case."""


class StrokejaxEmnist(tfds.core.GeneratorBasedBuilder):
    """EMNIST as array records: upright "image" u8[28 28] and "label"."""

    VERSION = tfds.core.Version("1.0.0")
    BUILDER_CONFIGS = [tfds.core.BuilderConfig(name=name) for name in CLASSES]  # noqa: RUF012

    @property
    def url_infos(self) -> dict[str, UrlInfo]:  # pyright: ignore
        """The archive's size and checksum, which TFDS verifies."""
        return {URL: UrlInfo(Size(ARCHIVE_BYTES), ARCHIVE_SHA256, ARCHIVE)}

    def _info(self) -> tfds.core.DatasetInfo:
        return self.dataset_info_from_configs(
            description="Handwritten letters and digits from NIST forms.",
            features=tfds.features.FeaturesDict(
                {
                    "image": tfds.features.Tensor(shape=(SIDE, SIDE), dtype=np.uint8),
                    "label": tfds.features.Scalar(dtype=np.int64),
                }
            ),
            # Training shuffles anyway; preparing in order is faster.
            disable_shuffling=True,
        )

    def _split_generators(self, dl_manager: tfds.download.DownloadManager) -> Any:
        archive = Path(dl_manager.download(URL))
        config = self.builder_config.name  # pyright: ignore
        return {
            split: self._generate_examples(*read_archive(archive, config, split))
            for split in SPLITS.values()
        }

    def _generate_examples(self, images: np.ndarray, labels: np.ndarray) -> Any:
        for i, (image, label) in enumerate(zip(images, labels, strict=True)):
            yield i, {"image": image, "label": int(label)}


def read_archive(
    archive: Path, config: str, split: str
) -> tuple[np.ndarray, np.ndarray]:
    """Upright images u8[n 28 28] and labels u8[n] from 0; `split` "train" or "test".

    EMNIST stores images transposed; this function turns them back. InputError for an
    archive that is damaged or incomplete.
    """
    stem = f"gzip/emnist-{config}-{split}"
    try:
        with zipfile.ZipFile(archive) as files:
            images = read_idx(files, f"{stem}-images-idx3-ubyte.gz", 3)
            labels = read_idx(files, f"{stem}-labels-idx1-ubyte.gz", 1)
    except (zipfile.BadZipFile, KeyError) as error:
        raise InputError(
            f"{archive} is not an EMNIST archive ({error}); fetch {URL} again."
        ) from error
    if config == "letters":
        labels = labels - 1  # 0 wraps to 255, which the check below refuses
    if images.shape[1:] != (SIDE, SIDE) or len(images) != len(labels):
        raise InputError(
            f"{archive}: {stem} has images {list(images.shape)} and {len(labels)} "
            f"labels; each image needs {SIDE} x {SIDE} pixels and a label; fetch the "
            f"archive again."
        )
    if len(labels) and labels.max() >= len(CLASSES[config]):
        raise InputError(
            f"{archive}: {stem} has the label {labels.max()} beyond its "
            f"{len(CLASSES[config])} classes; fetch the archive again."
        )
    return images.transpose(0, 2, 1), labels


def load_emnist(
    split: str,
    *,
    config: str = "byclass",
    root: str | Path | None = None,
    prepared: str | Path | None = None,
    download: bool = False,
    size: int = 28,
    margin: int = 4,
    width: float = 3.0,
) -> Dataset:
    """Letters and digits as "image" u8[n size size], upright, in the model's raster.

    `config` is "byclass", "balanced" or "letters"; "validation" is EMNIST's test set.
    The first use reads `gzip.zip` from the folder `root` (default: $STROKEJAX_DATA) or
    its subfolder emnist, or downloads it (562 MB) if `download` is set; records and
    arrays are stored in `prepared` (default: TFDS's folder). `margin` and the pen's
    `width` are in pixels. Labels index the 63 strokes; each sample is its own group.
    """
    check_split(split)
    if config not in CLASSES:
        raise InputError(
            f"EMNIST has no config {config!r}; use {', '.join(map(repr, CLASSES))}."
        )
    builder = StrokejaxEmnist(
        config=config,
        data_dir=None if prepared is None else str(prepared),
        file_format="array_record",
    )
    if not builder.is_prepared():
        _prepare(builder, root, download)
    raster = {"size": size, "margin": margin, "width": width}
    images, labels = _arrays(builder, SPLITS[split], raster)
    strokes = np.array([STROKES.index(symbol) for symbol in CLASSES[config]], np.int32)
    return Dataset(
        name=f"emnist-{config}/{split}",
        inputs={"image": images},
        labels=strokes[labels],
        symbols=STROKES,
        groups=np.arange(len(labels)).astype(str),
        group_kind="sample",
    )


def _prepare(builder: StrokejaxEmnist, root: str | Path | None, download: bool) -> None:
    folder = None if download and not root else _archive_folder(root)
    if folder and not download and not (folder / ARCHIVE).is_file():
        raise InputError(
            f"EMNIST's archive {folder / ARCHIVE} does not exist; fetch {URL} "
            f"({ARCHIVE_BYTES:,} bytes) into that folder, or set "
            f"config.data.download=True."
        )
    settings = tfds.download.DownloadConfig(manual_dir=folder, try_download_gcs=False)
    try:
        with contextlib.redirect_stdout(sys.stderr):  # stdout is for results
            builder.download_and_prepare(download_config=settings)
    except NonMatchingChecksumError as error:
        raise InputError(
            f"EMNIST's archive {ARCHIVE} is not the {ARCHIVE_BYTES:,} bytes with "
            f"SHA-256 {ARCHIVE_SHA256[:12]}...; fetch {URL} again."
        ) from error
    except (OSError, tfds.download.DownloadError) as error:
        raise InputError(
            f"EMNIST cannot be prepared in {builder.data_dir} ({error}); check the "
            f"network and 2 GB of free space there, or put {ARCHIVE} into "
            f"$STROKEJAX_DATA/emnist."
        ) from error


def _archive_folder(root: str | Path | None) -> Path:
    folder = data_root(root)
    return folder if (folder / ARCHIVE).is_file() else folder / "emnist"


def _arrays(
    builder: StrokejaxEmnist, split: str, raster: dict[str, Any]
) -> tuple[np.ndarray, np.ndarray]:
    """Rasters and labels of a split, one array each, cached beside the records.

    To read the records and rasterise 698,000 images takes minutes, to load the cache a
    second.
    """
    folder = Path(builder.data_dir)
    setting = "-".join(str(raster[key]) for key in ("size", "margin", "width"))
    paths = folder / f"{split}-{setting}.npy", folder / f"{split}-labels.npy"
    if not all(path.is_file() for path in paths):
        images, labels = _read_records(builder, split)
        arrays = as_rasters(images, **raster), labels
        for path, array in zip(paths, arrays, strict=True):
            # Renamed when complete: an interrupted run leaves no half a cache.
            unfinished = path.with_suffix(".part")
            with unfinished.open("wb") as file:
                np.save(file, array)
            unfinished.replace(path)
    return np.load(paths[0]), np.load(paths[1])


def _read_records(
    builder: StrokejaxEmnist, split: str
) -> tuple[np.ndarray, np.ndarray]:
    source = builder.as_data_source(split)  # pyright: ignore
    images = np.empty((len(source), SIDE, SIDE), np.uint8)
    labels = np.empty(len(source), np.uint8)
    for start in range(0, len(source), 4096):
        rows = range(start, min(start + 4096, len(source)))
        examples = source.__getitems__(list(rows))
        images[start : rows.stop] = [example["image"] for example in examples]
        labels[start : rows.stop] = [example["label"] for example in examples]
    return images, labels
