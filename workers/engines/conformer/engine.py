"""The engine `conformer`: English captions with the model that ships."""

from __future__ import annotations

from stream.core.messages import Rung
from stream.core.records import SAMPLE_RATE
from workers.core.endpoint import FRAME_SAMPLES, EndpointRules
from workers.engines.conformer.decoder import ConformerDecoder, Utterance
from workers.engines.conformer.encoder import Encoder
from workers.engines.conformer.hotwords import HotwordMaker
from workers.engines.conformer.model import Model
from workers.engines.conformer.rescoring import make_rescorer
from workers.engines.conformer.words import Vocabulary
from workers.engines.formatting.formatter import make_formatter
from workers.engines.segmenting import SegmentingRecogniser
from workers.engines.silero import SpeechDetector
from workers.ports import Card

CARD = Card(name="conformer", task="captions", rungs=(Rung.DRAFT, Rung.VERIFIED))
SURE = 0.9
LIKELY = 5
FRAME_MS = 1000 * FRAME_SAMPLES // SAMPLE_RATE


def make_engine(
    silence_ms: int = 256, longest_s: float = 20.0, *, verbatim: bool = False
) -> SegmentingRecogniser[Utterance]:
    """`silence_ms` ends a segment, and so does a length of `longest_s`; `verbatim`: finals have
    words as they were spoken, without case, punctuation and digits.
    """
    model = Model()
    vocabulary = Vocabulary(model)
    hotwords = HotwordMaker(vocabulary, model)
    decoder = ConformerDecoder(Encoder(model.graph), vocabulary, hotwords, make_rescorer(model))
    rules = rules_of(silence_ms, longest_s)
    write = make_formatter(verbatim=verbatim)
    return SegmentingRecogniser(CARD, SpeechDetector(), rules, decoder, write=write)


def rules_of(silence_ms: int = 256, longest_s: float = 20.0) -> EndpointRules:
    """`SURE` was chosen on half of the noise clips; `LIKELY` frames of silence leave time to hear
    the segment again, and to show what it says, before it ends.
    """
    return EndpointRules(
        sure=SURE,
        likely=LIKELY,
        silence=silence_ms // FRAME_MS,
        longest=round(longest_s * 1000) // FRAME_MS,
    )
