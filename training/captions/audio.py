"""Opus recordings as 16 kHz samples, and the archives they travel in."""

import tarfile
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from math import gcd
from pathlib import Path

import numpy as np
import numpy.typing as npt
import soundfile
from scipy.signal import resample_poly

RATE_HZ = 16000

Samples = npt.NDArray[np.int16]


def read_audio(path: Path) -> Samples:
    """Mono samples at 16 kHz of anything libsndfile opens."""
    wave, rate = soundfile.read(path, dtype="float32", always_2d=True)
    mono = wave.mean(axis=1)
    if rate != RATE_HZ:
        common = gcd(rate, RATE_HZ)
        mono = resample_poly(mono, RATE_HZ // common, rate // common)
    return np.clip(np.rint(mono * 32767), -32768, 32767).astype(np.int16)


def read_many(paths: Sequence[Path], threads: int) -> list[Samples]:
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(read_audio, paths))


def write_archives(files: Sequence[tuple[str, Path]], folder: Path, limit_bytes: int) -> list[Path]:
    """Uncompressed tars of (name, file), each below `limit_bytes`, named part-0.tar and so on."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for number, group in enumerate(_groups(files, limit_bytes)):
        path = folder / f"part-{number}.tar"
        with tarfile.open(path, "w") as archive:
            for name, file in group:
                archive.add(file, arcname=name)
        written.append(path)
    return written


def unpack_archives(folder: Path, target: Path) -> None:
    for path in sorted(folder.glob("part-*.tar")):
        with tarfile.open(path) as archive:
            archive.extractall(target, filter="data")


def _groups(
    files: Sequence[tuple[str, Path]], limit_bytes: int
) -> Iterator[list[tuple[str, Path]]]:
    group: list[tuple[str, Path]] = []
    total = 0
    for name, file in files:
        size = -(-file.stat().st_size // 512) * 512 + 1024
        if group and total + size > limit_bytes:
            yield group
            group, total = [], 0
        group.append((name, file))
        total += size
    if group:
        yield group
