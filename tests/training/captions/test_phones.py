import pytest

from training.captions.g2p import Aligner, GraphoneModel
from training.captions.phones import Pronouncer

DICTIONARY = {
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
def test_words_beside_the_dictionary_are_derived(word, phones):
    assert Pronouncer(DICTIONARY)(word)[0] == tuple(phones.split())


def test_all_known_pronunciations_are_kept_in_order():
    assert Pronouncer(DICTIONARY)("READ") == DICTIONARY["READ"]


def test_a_guess_is_asked_only_where_rules_fail():
    asked = []
    pronounce = Pronouncer(DICTIONARY, lambda word: asked.append(word) or [("Z",)])
    assert pronounce("XYZZY") == [("Z",)]
    pronounce("HOPES")
    assert asked == ["XYZZY"]


def test_letters_learn_their_phones():
    words = ["PAT", "TAP", "APT", "CAP", "CAT", "ACT", "PACT", "TACT", "CHAP", "CHAT", "PATCH"]
    sound = {"P": "P", "A": "AE", "T": "T", "C": "K"}
    pairs = []
    for word in words:
        letters = word.replace("CH", "#")
        pairs.append((word, tuple("CH" if c == "#" else sound[c] for c in letters)))
    align = Aligner(pairs, rounds=8)
    assert ("CH", ("CH",)) in align("CHAT", ("CH", "AE", "T"))
    model = GraphoneModel([align(*pair) for pair in pairs], order=3)
    assert model.pronounce("CATCH")[0] == ("K", "AE", "T", "CH")
