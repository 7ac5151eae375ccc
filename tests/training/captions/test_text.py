import pytest

from training.captions.text import normalise, sentences, spell_number, spell_year


@pytest.mark.parametrize(
    ("written", "spoken"),
    [
        ("Mr. Brown's 2nd dog – it’s 12.", "MISTER BROWN'S SECOND DOG IT'S TWELVE"),
        ("In 1805, 1,234 men", "IN EIGHTEEN O FIVE ONE THOUSAND TWO HUNDRED AND THIRTY FOUR MEN"),
        ('\'Tis naïve & "quoted"', "'TIS NAIVE AND QUOTED"),
        ("007", "ZERO ZERO SEVEN"),
        ("", ""),
    ],
)
def test_what_is_written_is_spelt_as_it_is_said(written: str, spoken: str) -> None:
    assert normalise(written) == spoken


def test_initials_do_not_end_a_sentence() -> None:
    assert list(sentences("J. Smith came. He went!")) == ["J SMITH CAME", "HE WENT"]


def test_numbers_and_years() -> None:
    assert spell_number(2_000_015) == "TWO MILLION FIFTEEN"
    assert spell_year(1900) == "NINETEEN HUNDRED"
