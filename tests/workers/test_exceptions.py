"""What is never counted is taken out before anything looks."""

from stream.core.policies import Policy, WordList
from workers.exceptions import KEPT, Exceptions
from workers.moderation import question

LISTS = (WordList(name="a", words=("frog",), exceptions=("frog prince",)),)


def test_exceptions_of_the_policy_and_of_its_lists_are_taken_out() -> None:
    policy = Policy(exceptions=("toad hall",), lists=LISTS)
    assert Exceptions().take_out("the Frog Prince of toad hall, a frog", policy) == (
        "the   of  , a frog"
    )


def test_without_exceptions_a_text_stays_as_it_is() -> None:
    assert Exceptions().take_out("the  frog\n", Policy(words=("frog",))) == "the  frog\n"


def test_what_an_exception_holds_apart_stays_apart() -> None:
    policy = Policy(exceptions=("x",))
    assert Exceptions().take_out("f x rog", policy) == "f   rog"


def test_an_engine_is_asked_without_them_and_told_every_list() -> None:
    asked = question("a frog prince", Policy(words=("slug",), lists=LISTS), Exceptions())
    assert (asked.text, asked.words) == ("a  ", ("slug", "frog"))


def test_what_is_compiled_is_bounded() -> None:
    exceptions = Exceptions()
    for number in range(KEPT + 5):
        exceptions.take_out("x", Policy(exceptions=(str(number),)))
    assert len(exceptions._books) == KEPT
