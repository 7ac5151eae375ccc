"""What a model reads in place of a fact, and how that comes back."""

from workers.core.facts import find_facts, masked, readable, with_letters, with_stand_ins
from workers.core.mending import mend


def test_letters_stand_for_addresses_and_come_back_as_these_in_any_order() -> None:
    text = "Ask @ann_9 or mail bob@ex.org before 10:00"
    facts = find_facts(text, {})
    assert readable(facts, text) == "Ask Q or mail X before 10:00"
    said = mend(facts, text, "Vor 10:00 Uhr X schreiben oder Q Q fragen", "de")
    assert said.text == "Vor 10:00 Uhr bob@ex.org schreiben oder @ann_9  fragen"
    assert masked(facts, "Frag @ann_9 oder") == "Frag Q oder"
    taken = "Q asked @ann"
    assert readable(find_facts(taken, {}), taken) == "Q asked X"


def test_other_words_stand_for_what_is_lost() -> None:
    text = "Two 17.5 kg bags for 23 of @us"
    facts = find_facts(text, {})
    lost = facts[:1]
    assert readable(with_stand_ins(facts, lost), text) == "Two 25 kg bags for 23 of Q"
    letters = with_letters(facts, lost, "fr")
    assert readable(letters, text) == "Two X bags for 23 of Q"
    assert mend(letters, text, "Deux sacs X pour 23 de Q", "fr").text == (
        "Deux sacs 17,5 kg pour 23 de @us"
    )
