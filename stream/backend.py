"""What backends ask by HTTP, answered by the same gate and translator as everybody's."""

from __future__ import annotations

import asyncio
import itertools
from collections import OrderedDict
from collections.abc import Callable, Sequence
from typing import NamedTuple

from stream.core.access import Permissions
from stream.core.bucket import Bucket
from stream.core.errors import EngineError, Malformed, OntimeError, Refused, TooMany
from stream.core.libretranslate import TranslationAsked
from stream.core.messages import Error, Message, Translation, Verdict
from stream.core.moderations import Moderation
from stream.core.policies import Policy
from stream.core.records import Detection, Offer
from stream.core.requests import Gate, Translate
from stream.core.settings import ChannelSettings
from stream.gate import Gate as GateKeeper
from stream.ports import Clock
from stream.translating import Translator

BEARERS = 10_000


class BackendLimits(NamedTuple):
    """Texts that one bearer may send."""

    texts_per_s: float = 2_000
    texts_burst: float = 10_000


class Reply:
    """An asker that somebody awaits; what comes after the first message is not for it."""

    def __init__(self) -> None:
        self.message: asyncio.Future[Message] = asyncio.get_running_loop().create_future()

    def tell(self, message: Message) -> None:
        if not self.message.done():
            self.message.set_result(message)


class Verdicts:
    """The verdicts of one request; `told` gets all of them once the last has come."""

    def __init__(self, count: int, told: Callable[[Sequence[Verdict]], None]) -> None:
        self._found: dict[int, Verdict] = {}
        self._count = count
        self._told = told

    def put(self, place: int, verdict: Verdict) -> None:
        """The first one for a place counts."""
        if place in self._found:
            return
        self._found[place] = verdict
        if len(self._found) == self._count:
            self._told([self._found[place] for place in range(self._count)])


class _Place(NamedTuple):
    """An asker: whoever waits for one text of a request. A later decision is not for it."""

    verdicts: Verdicts
    place: int

    def tell(self, message: Message) -> None:
        if isinstance(message, Verdict):
            self.verdicts.put(self.place, message)


class Rates:
    """A bucket for each bearer; of more than BEARERS the one longest unused starts afresh."""

    def __init__(self, limits: BackendLimits) -> None:
        self._limits = limits
        self._buckets: OrderedDict[str, Bucket] = OrderedDict()

    def take(self, subject: str, texts: int, now: float) -> None:
        """Raises TooMany."""
        limits = self._limits
        bucket = self._buckets.pop(subject, None)
        if bucket is None:
            bucket = Bucket(limits.texts_per_s, limits.texts_burst, now)
        self._buckets[subject] = bucket
        if len(self._buckets) > BEARERS:
            self._buckets.popitem(last=False)
        if not bucket.take(texts, now):
            raise TooMany(f"more than {limits.texts_per_s:g} texts a second")


class Backend:
    """Texts in, answers out, each within its budget."""

    def __init__(
        self,
        gate: GateKeeper,
        translator: Translator,
        settings: ChannelSettings,
        clock: Clock,
        limits: BackendLimits = BackendLimits(),  # noqa: B008
    ) -> None:
        self._gate = gate
        self._translator = translator
        self._settings = settings
        self._clock = clock
        self._rates = Rates(limits)
        self._numbers = itertools.count(1)

    async def moderate(self, asked: Moderation, bearer: Permissions) -> Sequence[Verdict]:
        """A verdict for each text. Raises NotAllowed, TooMany or Refused."""
        verdicts: asyncio.Future[Sequence[Verdict]] = asyncio.get_running_loop().create_future()

        def told(found: Sequence[Verdict]) -> None:
            if not verdicts.done():
                verdicts.set_result(found)

        self.judge(asked, bearer, told)
        return await verdicts

    def judge(
        self,
        asked: Moderation,
        bearer: Permissions,
        told: Callable[[Sequence[Verdict]], None],
        waited_s: float = 0.0,
    ) -> None:
        """`told` is called once, with a verdict for each text in their order, unless this raises
        NotAllowed, TooMany or Refused. The budget counts from `waited_s` ago on.
        """
        bearer.demand("gate", asked.channel)
        self._rates.take(bearer.subject, len(asked.texts), self._clock.now())
        verdicts = Verdicts(len(asked.texts), told)
        for place, text in enumerate(asked.texts):
            self._gate.ask(self._request(text, place, asked), _Place(verdicts, place), waited_s)

    def policy(self, channel: str) -> Policy:
        """What holds on this channel."""
        return self._settings.of(channel).policy

    async def translate(
        self, asked: TranslationAsked, bearer: Permissions
    ) -> Sequence[Translation]:
        """A translation of each text. Raises what the first failure says."""
        bearer.demand_somewhere("translate")
        self._rates.take(bearer.subject, len(asked.texts), self._clock.now())
        replies = [self._render(text, asked) for text in asked.texts]
        return [_translation(await reply.message) for reply in replies]

    async def languages(self, bearer: Permissions) -> Offer:
        """What can be translated. Raises NotAllowed, and Unavailable without a worker."""
        bearer.demand_somewhere("translate")
        return await self._translator.languages()

    async def detect(self, text: str, bearer: Permissions) -> Detection:
        """Which language a text is in. Raises NotAllowed, TooMany or Unavailable."""
        bearer.demand_somewhere("translate")
        self._rates.take(bearer.subject, 1, self._clock.now())
        return await self._translator.detect(text)

    def _request(self, text: str, place: int, asked: Moderation) -> Gate:
        return Gate(
            id=self._next(),
            channel=asked.channel,
            text=text,
            author=asked.author,
            post=asked.name_of(place),
            budget_ms=asked.budget_ms,
            publish=asked.publish,
        )

    def _render(self, text: str, asked: TranslationAsked) -> Reply:
        reply = Reply()
        request = Translate(
            id=self._next(),
            text=text,
            source=asked.source,
            target=asked.target,
            budget_ms=asked.budget_ms,
        )
        self._translator.ask(request, reply)
        return reply

    def _next(self) -> str:
        return f"http-{next(self._numbers)}"


def _translation(message: Message) -> Translation:
    if isinstance(message, Translation):
        return message
    assert isinstance(message, Error)
    raise error_of(message)


def error_of(message: Error) -> OntimeError:
    """The error that an `error` stands for, with its HTTP status."""
    kinds = {kind.code: kind for kind in _all_kinds(OntimeError)}
    kind = kinds.get(message.code, EngineError)
    return (Refused if issubclass(kind, Malformed) else kind)(message.message)


def _all_kinds(kind: type[OntimeError]) -> list[type[OntimeError]]:
    return [kind, *itertools.chain.from_iterable(map(_all_kinds, kind.__subclasses__()))]
