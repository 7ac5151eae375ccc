"""From a command's start to its end: signals, errors in one line, and exit status."""

from __future__ import annotations

import asyncio
import os
from signal import SIGINT, SIGTERM, Signals

import pytest

from stream.core.errors import BusGone, EngineMissing, OntimeError
from stream.running import INTERRUPTED, errors_told, printable, run_to_end, warn


class Cleaning:
    """Work that never ends by itself, and says whether it was ended in order."""

    cleaned = False

    async def work(self, number: Signals) -> None:
        try:
            os.kill(os.getpid(), number)
            await asyncio.Event().wait()
        finally:
            await asyncio.sleep(0)
            self.cleaned = True


async def fail(error: BaseException) -> None:
    raise error


def test_sigterm_ends_the_work_in_order_and_well() -> None:
    cleaning = Cleaning()
    run_to_end(cleaning.work(SIGTERM))
    assert cleaning.cleaned


def test_ctrl_c_ends_the_work_in_order_with_the_shells_status() -> None:
    cleaning = Cleaning()
    with pytest.raises(SystemExit) as ended:
        run_to_end(cleaning.work(SIGINT))
    assert (ended.value.code, cleaning.cleaned) == (INTERRUPTED, True)


@pytest.mark.parametrize(
    ("error", "line"),
    [
        (EngineMissing("no engine [red]x[/red]"), "no engine [red]x[/red]"),
        (OSError("port is taken"), "port is taken"),
        (ExceptionGroup("tasks", [BusGone("no broker")]), "no broker"),
        (ExceptionGroup("a", [ExceptionGroup("b", [OSError("x"), BusGone("y")])]), "x"),
        (BusGone("x" * 300 + "\x1b[2J\nnext"), "x" * 300 + " [2J next"),
    ],
)
def test_a_known_error_is_one_line_and_status_1(
    error: Exception, line: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        run_to_end(fail(error))
    assert ended.value.code == 1
    written = capsys.readouterr()
    assert (written.out, written.err) == ("", f"error: {line}\n")


@pytest.mark.parametrize(
    "error",
    [
        ValueError("ours"),
        ExceptionGroup("mixed", [BusGone("known"), ValueError("ours")]),
    ],
)
def test_a_bug_is_not_dressed_up(error: Exception) -> None:
    with pytest.raises(type(error)):
        run_to_end(fail(error))


def test_errors_before_the_work_are_told_alike(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit), errors_told():
        raise OntimeError("bad settings")
    assert capsys.readouterr().err == "error: bad settings\n"


def test_printable_text_stays_as_it_is() -> None:
    assert printable("naïve 😀 Ж") == "naïve 😀 Ж"
    assert printable("a\tb\r\x9b\u202e") == "a b   "


def test_commands_run_on_the_faster_loop() -> None:
    loops: list[str] = []

    async def work() -> None:
        loops.append(type(asyncio.get_running_loop()).__module__)

    run_to_end(work())
    assert loops == ["uvloop"]


def test_a_warning_is_one_line_as_it_was_told(capsys: pytest.CaptureFixture[str]) -> None:
    warn("nobody offers [nl] \x1b[2J\n" + "x" * 200)
    assert capsys.readouterr().err == f"warning: nobody offers [nl]  [2J {'x' * 200}\n"
