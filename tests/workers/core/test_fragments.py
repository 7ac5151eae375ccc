"""Parts of sentences begin small and have no stop of their own."""

import pytest

from workers.core.fragments import as_fragment


@pytest.mark.parametrize(
    ("source", "said", "language", "wanted"),
    [
        ("on", "Auf", "de", "auf"),
        ("people live", "Menschen leben.", "de", "Menschen leben"),
        ("See you at", "Wir sehen uns um", "de", "Wir sehen uns um"),
        ("kg bags.", "Les sacs.", "fr", "sacs."),
        ("pm", "¡Maña!", "es", "maña"),
        ("I think", "Je pense", "fr", "je pense"),
        ("the bags", "Les sacs", "fr", "les sacs"),
        ("at NATO", "OTAN", "fr", "OTAN"),
        ("and", "...", "de", "..."),
    ],
)
def test_a_fragment_reads_as_part_of_its_sentence(
    source: str, said: str, language: str, wanted: str
) -> None:
    assert as_fragment(source, said, language) == wanted
