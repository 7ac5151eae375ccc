"""Sizes of the network."""

from dataclasses import asdict, dataclass


@dataclass(frozen=True)
class Shape:
    """A teacher has no drafter and a deeper decoder. `split` is how many CTC frames each source
    position gets."""

    pieces: int = 8000
    width: int = 384
    heads: int = 6
    encoder_layers: int = 6
    encoder_inner: int = 1024
    drafter_layers: int = 4
    drafter_inner: int = 512
    decoder_layers: int = 2
    decoder_inner: int = 1024
    split: int = 2

    def as_dict(self) -> dict[str, int]:
        return asdict(self)
