"""The command `ontime`: meets everybody and decides nothing."""

from __future__ import annotations

from typing import Annotated

import typer

from stream.cli import app
from stream.core.requests import Policy
from stream.running import errors_told, run_to_end
from workers import offline
from workers.offline import Format

Engine = Annotated[
    str, typer.Option(help="Engine by name; `ontime models` lists them. Default: the task's own.")
]
Json = Annotated[bool, typer.Option("--json", help="The protocol's object, one a line.")]
Budget = Annotated[
    int | None,
    typer.Option("--budget-ms", min=10, max=60_000, help="Milliseconds allowed; else no limit."),
]


@app.command(
    epilog="Example: ontime transcribe talk.mp3 --format srt > talk.srt",
)
def transcribe(
    files: Annotated[list[str], typer.Argument(help="Recordings, URLs, or - for standard input.")],
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = "text",
    chunk_ms: Annotated[int, typer.Option(min=40, max=10_000, help="Audio decoded at once.")] = 320,
    engine: Engine = "",
) -> None:
    """Caption recordings through the streaming decoder, faster than real time."""
    run_to_end(offline.transcribe_files(files, engine, form, chunk_ms))


@app.command(
    epilog="Example: ontime gate --json - < posts.txt > verdicts.jsonl",
)
def gate(
    text: Annotated[str, typer.Argument(help="A post, or - for one a line of standard input.")],
    json: Json = False,
    budget_ms: Budget = None,
    engine: Engine = "",
) -> None:
    """Judge a post, or each line of standard input; the exit status is 0 whatever the verdict."""
    show = offline.as_json if json else offline.as_words
    run_to_end(offline.gate_texts(text, engine, Policy(), budget_ms, show))


@app.command(
    epilog="Example: ontime translate 'Good evening' --to de",
)
def translate(
    text: Annotated[str, typer.Argument(help="A text, or - for one a line of standard input.")],
    to: Annotated[str, typer.Option(help="The language wanted, as de.")],
    source: Annotated[str, typer.Option("--from", help="The language given.")] = "en",
    json: Json = False,
    budget_ms: Budget = None,
    engine: Engine = "",
) -> None:
    """Translate a text, or each line of standard input."""
    show = offline.as_json if json else offline.as_words
    run_to_end(offline.translate_texts(text, engine, source, to, budget_ms, show))


def main() -> None:
    """Entry point of the command."""
    with errors_told():
        app()


if __name__ == "__main__":
    main()
