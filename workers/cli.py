"""The command `ontime`: meets everybody and decides nothing.

Each command imports what it alone needs: to load everything takes a second of processor time.
"""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from stream.cli import ConfigFile, InputFormat, Kafka, Policy, app, demand_broker, load
from stream.core.subtitles import Format
from stream.logs import configure_logging
from stream.running import notes, run_to_end
from workers.ports import Task

__all__ = ["app", "main"]

Engine = Annotated[
    str,
    typer.Option(
        help="Engine by name, with a model and options: `whisper:small?language=de`. "
        "`ontime models` lists them. Default: the task's own."
    ),
]
Download = Annotated[
    bool, typer.Option("--allow-download", help="Fetch the engine's model where it is not here.")
]
Json = Annotated[bool, typer.Option("--json", help="The protocol's object, one a line.")]
Chunk = Annotated[int, typer.Option(min=40, max=10_000, help="Least audio decoded at once.")]
Steady = Annotated[
    bool, typer.Option("--steady", help="Show words 0.4 s later and take far fewer back.")
]
Budget = Annotated[
    int | None,
    typer.Option("--budget-ms", min=10, max=60_000, help="Milliseconds allowed; else no limit."),
]


@app.command("up", epilog="Example: ontime up --demo")
def up_(
    demo: Annotated[bool, typer.Option(help="Play recordings on channel demo, post chat.")] = False,
    kafka: Kafka = "",
    host: Annotated[str, typer.Option(help="Where to listen.")] = "",
    port: Annotated[int | None, typer.Option(help="WebSockets and the page.")] = None,
    http_port: Annotated[int | None, typer.Option(help="HTTP for backends.")] = None,
    tls_cert: Annotated[str, typer.Option(help="PEM file.")] = "",
    tls_key: Annotated[str, typer.Option(help="PEM file.")] = "",
    captions: Engine = "",
    moderation: Engine = "",
    translation: Engine = "",
    chunk_ms: Chunk = 160,
    steady: Steady = False,
    policy: Policy = "",
    allow_download: Download = False,
    config: ConfigFile = None,
) -> None:
    """Serve everything from one process on one machine; engines run in processes of their own."""
    from workers.captions import CaptionLimits
    from workers.up import up

    given = {"kafka": kafka, "host": host, "http_host": host, "port": port, "http_port": http_port}
    settings = load(config, **given, tls_cert=tls_cert, tls_key=tls_key, policy=policy)
    engines: dict[Task, str] = {
        "captions": captions,
        "moderation": moderation,
        "translation": translation,
    }
    _fetch(allow_download, *engines.values())
    limits = CaptionLimits(chunk_ms=chunk_ms, steady=steady)
    run_to_end(up(settings, engines, limits=limits, demo=demo))


@app.command(epilog="Example: ontime worker captions --kafka 127.0.0.1:9092")
def worker(
    task: Annotated[Task, typer.Argument(help="What it does.")],
    kafka: Kafka = "",
    engine: Engine = "",
    member: Annotated[str, typer.Option(help="Its place in the group; one each, kept.")] = "",
    chunk_ms: Chunk = 160,
    steady: Steady = False,
    allow_download: Download = False,
    config: ConfigFile = None,
) -> None:
    """Do one task for gateways elsewhere, as one of a group."""
    from workers.captions import CaptionLimits
    from workers.up import make_service, work

    settings = load(config, kafka=kafka)
    demand_broker(settings)
    _fetch(allow_download, engine)
    limits = CaptionLimits(chunk_ms=chunk_ms, steady=steady)
    service = make_service(task, engine, limits, member=member)
    run_to_end(work(settings, service))


@app.command(epilog="Example: ontime models whisper:small.en --allow-download")
def models(
    name: Annotated[str, typer.Argument(help="An engine with a model; else all engines.")] = "",
    allow_download: Download = False,
) -> None:
    """The engines that can be named, what each needs, and what is in the cache.

    Of a name: where its model is, or what would be fetched, from where and how large.
    """
    from workers import catalogue

    if allow_download:
        _fetch(True, name)
    for line in [catalogue.describe(name)] if name else catalogue.lines():
        typer.echo(line)


@app.command(
    epilog="Example: ontime transcribe talk.mp3 --format srt > talk.srt",
)
def transcribe(
    files: Annotated[list[str], typer.Argument(help="Recordings, URLs, or - for standard input.")],
    form: Annotated[Format, typer.Option("--format", help="What to write.")] = "text",
    chunk_ms: Chunk = 320,
    verbatim: Annotated[
        bool, typer.Option("--verbatim", help="Words as spoken: no case, marks, digits or masks.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Folder for a file each.")] = None,
    input_format: InputFormat = "",
    engine: Engine = "",
    allow_download: Download = False,
) -> None:
    """Caption recordings through the streaming decoder, faster than real time."""
    from workers import offline

    if len(files) > 1 and form in ("srt", "vtt") and out is None:
        raise typer.BadParameter(f"{form} is one recording each: give a folder by --out")
    _fetch(allow_download, engine)
    wanted = offline.Wanted(engine, form, chunk_ms, verbatim, out, input_format)
    run_to_end(offline.transcribe_files(files, wanted))


@app.command(
    epilog="Example: ontime gate --json - < posts.txt > verdicts.jsonl",
)
def gate(
    text: Annotated[str, typer.Argument(help="A post, or - for one a line of standard input.")],
    json: Json = False,
    budget_ms: Budget = None,
    engine: Engine = "",
    policy: Policy = "",
    channel: Annotated[str, typer.Option(help="Whose rules in the policy hold.")] = "api",
) -> None:
    """Judge a post, or each line of standard input; the exit status is 0 whatever the verdict."""
    from stream.policing import policy_of
    from workers import offline

    show = offline.as_json if json else offline.as_words
    run_to_end(offline.gate_texts(text, engine, policy_of(policy, channel), budget_ms, show))


@app.command(
    epilog="Example: ontime translate 'Good evening' --to de",
)
def translate(
    text: Annotated[str, typer.Argument(help="A text, or - for one a line of standard input.")],
    to: Annotated[str, typer.Option(help="The language wanted, as de.")],
    source: Annotated[
        str, typer.Option("--from", help="The language given; auto: whichever it is.")
    ] = "en",
    json: Json = False,
    budget_ms: Budget = None,
    engine: Engine = "",
) -> None:
    """Translate a text, or each line of standard input."""
    from workers import offline

    show = offline.as_json if json else offline.as_words
    run_to_end(offline.translate_texts(text, engine, source, to, budget_ms, show))


@app.command("bench", epilog="Example: ontime bench fanout")
def bench_(
    name: Annotated[str, typer.Argument(help="captions, gate, translation, fanout …, or all.")],
    arguments: Annotated[
        list[str] | None, typer.Argument(help="For the benchmark itself, after --.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for the figures and the plot.")] = Path(
        "bench-results"
    ),
) -> None:
    """Measure: prints a table, writes JSON and a plot. Needs the project's checkout."""
    from workers.benching import bench

    bench(name, arguments or (), out)


def _fetch(allowed: bool, *engines: str) -> None:
    """Before anything starts, for an engine looks at this machine alone."""
    if not allowed:
        return
    from workers import catalogue

    for told in catalogue.fetch(name for name in engines if name):
        notes.print(told, soft_wrap=True)


def main() -> None:
    """Entry point of the command; logs go to standard error, so that answers stay alone."""
    configure_logging()
    app()


if __name__ == "__main__":
    main()
