import pytest

from training.captions.g2p import Aligner, GraphoneModel
from training.captions.phones import Phones, Pronouncer

DICTIONARY: dict[str, list[Phones]] = {
    "CAT": [("K", "AE", "T")],
    "BOX": [("B", "AA", "K", "S")],
    "HOPE": [("HH", "OW", "P")],
    "HONOR": [("AA", "N", "ER")],
    "CARRY": [("K", "EH", "R", "IY")],
    "READ": [("R", "EH", "D"), ("R", "IY", "D")],
}


@pytest.mark.parametrize(
    ("word", "phones"),
    [
        ("HOPES", "HH OW P S"),
        ("BOXES", "B AA K S IH Z"),
        ("CAT'S", "K AE T S"),
        ("HOPED", "HH OW P T"),
        ("HOPING", "HH OW P IH NG"),
        ("HONOUR", "AA N ER"),
        ("CARRIES", "K EH R IY Z"),
        ("UNREAD", "AH N R EH D"),
        ("CATBOX", "K AE T B AA K S"),
    ],
)
def test_words_beside_the_dictionary_are_derived(word: str, phones: str) -> None:
    assert Pronouncer(DICTIONARY)(word)[0] == tuple(phones.split())


def test_all_known_pronunciations_are_kept_in_order() -> None:
    assert Pronouncer(DICTIONARY)("READ") == DICTIONARY["READ"]


def test_a_guess_is_asked_only_where_rules_fail() -> None:
    asked: list[str] = []

    def guess(word: str) -> list[Phones]:
        asked.append(word)
        return [("Z",)]

    pronounce = Pronouncer(DICTIONARY, guess)
    assert pronounce("XYZZY") == [("Z",)]
    pronounce("HOPES")
    assert asked == ["XYZZY"]


def test_letters_learn_their_phones() -> None:
    words = ["PAT", "TAP", "APT", "CAP", "CAT", "ACT", "PACT", "TACT", "CHAP", "CHAT", "PATCH"]
    sound = {"P": "P", "A": "AE", "T": "T", "C": "K"}
    pairs = []
    for word in words:
        letters = word.replace("CH", "#")
        pairs.append((word, tuple("CH" if c == "#" else sound[c] for c in letters)))
    align = Aligner(pairs, rounds=8)
    assert ("CH", ("CH",)) in (align("CHAT", ("CH", "AE", "T")) or [])
    model = GraphoneModel([align(*pair) or [] for pair in pairs], order=3)
    assert model.pronounce("CATCH")[0] == ("K", "AE", "T", "CH")
