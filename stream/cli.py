"""The commands that need no model: gateway, topics, tokens, publishing and watching.

Each imports what it alone needs: to load everything takes a second of processor time.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from stream.buses import DEFAULT_PARTITIONS, kafka_settings
from stream.config import BadSettings, Config
from stream.core.access import RIGHTS
from stream.running import errors_told, run_to_end


class Told(TyperGroup):
    """Commands whose known errors end in one line."""

    def invoke(self, ctx: Any) -> Any:
        with errors_told():
            return super().invoke(ctx)


app = typer.Typer(
    name="ontime",
    cls=Told,
    help="Real-time captions, translation and moderation, answered by the deadline.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,  # its table breaks words in a terminal of 80 columns
)
topics = typer.Typer(help="The topics on a broker.", no_args_is_help=True, rich_markup_mode=None)
app.add_typer(topics, name="topics")

ConfigFile = Annotated[
    Path | None, typer.Option("--config", help="Settings as TOML; ONTIME_* stands over it.")
]
Kafka = Annotated[str, typer.Option(help="HOST:PORT of one or more brokers, with commas.")]
Policy = Annotated[
    str, typer.Option(help="The moderators' rules (TOML); read again when the file changes.")
]
Url = Annotated[str, typer.Option(envvar="ONTIME_URL", help="The server's address.")]
Token = Annotated[
    str, typer.Option(envvar="ONTIME_TOKEN", help="A token; better given by the environment.")
]
LOCAL = "ws://127.0.0.1:8765"


def load(config: Path | None, **given: Any) -> Config:
    """Settings with the command line's over them; what was not given stays as it is."""
    named = {name: value for name, value in given.items() if value is not None and value != ""}
    return Config.load(config, **named)


def demand_broker(config: Config) -> None:
    """A role alone is of use only where others can reach it. Raises BadSettings."""
    if not config.kafka:
        raise BadSettings("kafka is empty, expected --kafka HOST:PORT; alone there is `ontime up`")


@app.command(epilog="Example: ontime gateway --kafka 127.0.0.1:9092 --port 8765")
def gateway(
    kafka: Kafka = "",
    host: Annotated[str, typer.Option(help="Where to listen.")] = "",
    port: Annotated[int | None, typer.Option(help="WebSockets and the page.")] = None,
    http_port: Annotated[int | None, typer.Option(help="HTTP for backends.")] = None,
    tls_cert: Annotated[str, typer.Option(help="PEM file.")] = "",
    tls_key: Annotated[str, typer.Option(help="PEM file.")] = "",
    policy: Policy = "",
    config: ConfigFile = None,
) -> None:
    """Serve publishers, subscribers and backends; workers are elsewhere."""
    from stream.serving import serve

    given = {"kafka": kafka, "host": host, "http_host": host, "port": port, "http_port": http_port}
    settings = load(config, **given, tls_cert=tls_cert, tls_key=tls_key, policy=policy)
    demand_broker(settings)
    run_to_end(serve(settings))


InputFormat = Annotated[
    str,
    typer.Option(
        "--input-format", "-f", help="FFmpeg's name, where it cannot be seen: alsa, lavfi, s16le."
    ),
]
Listen = Annotated[
    bool, typer.Option("--listen", help="Wait at the URL for who sends: rtmp, tcp or http.")
]


@app.command(epilog="Example: ontime ingest talk.mp3 --channel news --realtime")
def ingest(
    source: Annotated[str, typer.Argument(help="A file, URL, device, or - for standard input.")],
    channel: Annotated[str, typer.Option(help="The channel to publish on.")],
    realtime: Annotated[bool, typer.Option(help="As fast as it is spoken, no faster.")] = False,
    input_format: InputFormat = "",
    listen: Listen = False,
    translate: Annotated[
        list[str] | None,
        typer.Option(help="Subtitles in this language; repeat it, or '*' for all."),
    ] = None,
    url: Url = LOCAL,
    token: Token = "",
) -> None:
    """Publish a recording or a stream on a channel of a running server; Ctrl-C ends it.

    A microphone: -f alsa default. A sender: rtmp://127.0.0.1:1935/live/news --listen.
    """
    from stream import terminal
    from stream.adapters.clock import AnchoredClock
    from stream.adapters.media import Reading
    from stream.client import Server

    server, reading = Server(url, token), Reading(source, form=input_format, listen=listen)
    run_to_end(
        terminal.ingest(
            reading,
            channel,
            server,
            AnchoredClock(),
            realtime=realtime,
            translate=tuple(translate or ()),
        )
    )


@app.command(epilog="Example: ontime watch news --language de")
def watch(
    channel: Annotated[str, typer.Argument(help="The channel to watch.")],
    language: Annotated[list[str] | None, typer.Option(help="Translations to show.")] = None,
    url: Url = LOCAL,
    token: Token = "",
) -> None:
    """Show a channel's captions and posts in the terminal as they come."""
    from stream import terminal
    from stream.client import Server

    run_to_end(terminal.watch(channel, Server(url, token), tuple(language or ())))


@app.command(epilog="Example: ontime review chat --allow 7f3a --block 90c1")
def review(
    channel: Annotated[str, typer.Argument(help="The channel whose posts wait.")],
    allow: Annotated[list[str] | None, typer.Option(help="A post to be shown; repeat it.")] = None,
    block: Annotated[
        list[str] | None, typer.Option(help="A post to be blocked, or taken back; repeat it.")
    ] = None,
    json: Annotated[
        bool, typer.Option("--json", help="The protocol's object, one a line.")
    ] = False,
    follow: Annotated[bool, typer.Option(help="Go on with what comes.")] = False,
    url: Url = LOCAL,
    token: Token = "",
) -> None:
    """List the posts that wait for a moderator and those that were blocked, or decide on some."""
    from stream import reviewing
    from stream.client import Server

    words = [reviewing.Word(post, "allow") for post in allow or ()]
    words += [reviewing.Word(post, "block") for post in block or ()]
    show = reviewing.as_json if json else reviewing.as_words
    run_to_end(reviewing.review(channel, Server(url, token), words, show, follow=follow))


@app.command(epilog="Example: ontime token --subject studio-1 --right publish --channel 'news-*'")
def token(
    subject: Annotated[str, typer.Option(help="Whose token it is.")],
    right: Annotated[list[str], typer.Option(help=f"One of {', '.join(RIGHTS)}; repeat for more.")],
    channel: Annotated[list[str], typer.Option(help="A channel, or a pattern with *.")],
    hours: Annotated[float, typer.Option(min=0, help="How long it lasts.")] = 24.0,
    config: ConfigFile = None,
) -> None:
    """Make a token for a publisher, subscriber or moderator, with the secret of the settings."""
    from stream.adapters.tokens import Tokens

    secret = load(config).token_secret.get_secret_value()
    if not secret:
        raise BadSettings("token_secret is empty, expected 32 bytes in ONTIME_TOKEN_SECRET")
    claims = {
        "sub": subject,
        "exp": int(time.time() + hours * 3600),
        "channels": dict.fromkeys(channel, right),
    }
    typer.echo(Tokens(secret).make(claims))


@topics.command(epilog="Example: ontime topics create --kafka 127.0.0.1:9092")
def create(
    kafka: Kafka = "",
    partitions: Annotated[int, typer.Option(min=1, max=1000)] = DEFAULT_PARTITIONS,
    config: ConfigFile = None,
) -> None:
    """Make the topics that are missing."""
    from stream.adapters.kafka import create_topics

    settings = load(config, kafka=kafka)
    demand_broker(settings)

    async def work() -> None:
        made = await create_topics(kafka_settings(settings), partitions)
        typer.echo(f"made {', '.join(made)}" if made else "nothing was missing")

    run_to_end(work())


@topics.command(epilog="Example: ontime topics check --kafka 127.0.0.1:9092")
def check(kafka: Kafka = "", config: ConfigFile = None) -> None:
    """Compare the topics with what Ontime expects; the exit status is 1 where they differ."""
    from stream.adapters.kafka import check_topics

    settings = load(config, kafka=kafka)
    demand_broker(settings)

    async def work() -> None:
        differences = await check_topics(kafka_settings(settings))
        for difference in differences:
            typer.echo(difference)
        if differences:
            raise typer.Exit(1)
        typer.echo("all topics are as expected")

    run_to_end(work())
