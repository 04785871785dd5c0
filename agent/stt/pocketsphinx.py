"""PocketSphinx with the agent's JSGF grammar, narrowed by what was asked: the embedded recogniser. Quick, and good at
what the grammar allows."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import Field
from pydantic.dataclasses import dataclass

from agent.context import CallContext
from agent.definition import AgentDefinition
from agent.engines.options import OPTIONS, read_options
from agent.engines.pool import Pool
from agent.errors import AgentError, LocalError, MissingExtra
from agent.slots.base import NOTHING_ASKED, Asks
from agent.stt.bandwidth import begins_quiet, is_wideband
from agent.stt.base import Partial, SttUtterance, Transcript
from agent.stt.stability import StablePrefix

if TYPE_CHECKING:
    from agent.stt.decoders import AskedDecoder
    from agent.stt.narrowing import Narrowings

#: The bundled model hears 16 kHz only; telephone audio is up-sampled (telephony-facts D5).
RATE_HZ = 16000
#: The cepstral mean with which a call begins, unless it is far louder: between that of speech through a telephone's
#: 300-3400 Hz and that of speech up to 4 kHz (four voices of flite at -20 to -24 dBFS, in light noise). The library's
#: own prior is for wide-band speech: with it 29 of 128 phrases were understood word for word, with this one 111 (106 in
#: light noise).
CMN_PRIOR = "34.8,21.6,-36.6,35.6,-23.6,-8,9.5,-29.5,10,-15.7,-3.2,4.3,-12.3"
#: That of a call whose speech reaches above the telephone's band: the library's own. Understood as a call's first
#: words, of 60 phrases (3 voices of flite at -22 dBFS, noise at -58 to -70 dBFS): wideband 57 with this one, at most 5
#: with the telephone's; through a telephone 54 with the telephone's, at most 15 with this one.
CMN_PRIOR_WIDE = "41,-5.29,-0.12,5.09,2.48,-4.07,-1.37,-1.78,-5.08,-2.05,-6.45,-1.42,1.17"
#: By so much audio, from its beginning, the first words of a call are measured: what the ear keeps from before the
#: speech was sure (PREROLL_MS), and a syllable or two.
_MEASURED_BYTES = 2 * RATE_HZ * 900 // 1000
#: The first coefficient is how much sound there is. Of so short a piece it is about 5 below that of a whole utterance,
#: because more of it is quiet: 29 in the mean, for speech at which the prior (34.8) is right; half of that is added.
_QUIET_SHARE = 5.0
#: So far above the prior it is another level, or another line: 39 to 56 of the real callers beside it.
_FAR = 3.0
#: Audio is decoded in pieces between these. The library holds the GIL meanwhile, at 4 to 8 ms per 100 ms of audio.
_PIECE_MIN_BYTES = 2 * RATE_HZ * 40 // 1000
_PIECE_MAX_BYTES = 2 * RATE_HZ * 100 // 1000
#: Charged in virtual time, per millisecond of audio, and for a decoder's first piece or last look.
_COST_PER_MS = 0.05
#: Charged for the graph of a question, in the call that asks it first.
_NARROWING_COST_MS = 100.0
#: A decoder comes free when an utterance ends: whoever has not got one by then would answer too late anyway.
_DECODER_DEADLINE_S = 2.0


@dataclass(frozen=True, config=OPTIONS)
class Options:
    """What [stt] may say for this engine."""

    decoders: Annotated[int, Field(ge=1)] = 2
    """Made at the start: 20 ms and about 14 MiB each, for the parcel desk's grammar; 8 MiB more for each of up to three
    questions."""
    max_decoders: Annotated[int, Field(ge=1)] = 32
    """So many callers may speak at once; more wait."""
    reject: bool = True
    """Take what fits no phrase of the grammar for nothing, instead of for the nearest phrase."""


class PocketSphinxStt:
    """One per agent: its decoders are bound to the agent's grammar. An utterance that was asked for is heard by the
    grammar and the answers' rules, these being far likelier (narrowing.py)."""

    name = "pocketsphinx"
    remote = False
    rate_hz = RATE_HZ

    def __init__(self, agent: AgentDefinition, **options: Any) -> None:
        self._options = read_options(Options, agent, "stt", self.name, options)
        if self._options.decoders > self._options.max_decoders:
            raise LocalError(f"{agent.folder / 'agent.toml'}: [stt] decoders must not be more than max_decoders")
        if agent.grammar is None:
            raise AgentError(
                f'{agent.folder}: the engine "pocketsphinx" hears only what a grammar allows; '
                "write grammar.jsgf (JSGF 1.0)"
            )
        self._source = agent.grammar
        self._asks = agent.asks
        self._narrowings: Narrowings | None = None
        self._pool: Pool[AskedDecoder] | None = None

    async def start(self) -> None:
        """Compile the grammar and the graphs of what the agent is known to ask, and fill the pool: about 0.2 s and
        0.1 s a question, blocking. Raises MissingExtra or AgentError."""
        if self._pool is not None:
            return
        try:
            import pocketsphinx
        except ImportError:
            raise MissingExtra("pocketsphinx (the embedded recogniser)", "local") from None
        from agent.stt.decoders import AskedDecoder
        from agent.stt.grammar import compile_grammar
        from agent.stt.narrowing import Narrowings, all_slot_words, question

        dictionary = Path(pocketsphinx.get_model_path("en-us/cmudict-en-us.dict"))
        grammar = compile_grammar(self._source, dictionary, reject=self._options.reject, besides=all_slot_words())
        narrowings = Narrowings(grammar)
        prepared: dict[Path, None] = {}
        for asks in self._asks:
            asked = question(asks)
            if asked is not None:
                prepared[narrowings.file(asked)] = None
        pool: Pool[AskedDecoder] = Pool(
            lambda: AskedDecoder(grammar, RATE_HZ, tuple(prepared)),
            name="PocketSphinx decoders",
            size=self._options.decoders,
            max_size=self._options.max_decoders,
        )
        pool.fill()
        self._narrowings = narrowings
        self._pool = pool

    def call(self, ctx: CallContext, line_hz: int = 8000) -> PocketSphinxCall:
        """An ear that is set by the first words it hears: how loud they are, and, on a line that could carry more than
        4 kHz, whether they have anything there."""
        if self._pool is None or self._narrowings is None:
            raise LocalError("the pocketsphinx recogniser has not been started: await start() first")
        return PocketSphinxCall(self._pool, self._narrowings, ctx, wide_line=line_hz > 8000)

    async def close(self) -> None:
        """Let go of the idle decoders and of the compiled grammar."""
        if self._pool is not None:
            self._pool.close()
        self._pool = None
        self._narrowings = None


class PocketSphinxCall:
    """One call's cepstral mean, carried from one understood utterance to the next, whichever decoder hears it."""

    def __init__(self, pool: Pool[AskedDecoder], narrowings: Narrowings, ctx: CallContext, *, wide_line: bool) -> None:
        self.pool = pool
        self.narrowings = narrowings
        self.ctx = ctx
        self.wide_line = wide_line
        self.cmn: str | None = None
        """None: nothing has been understood yet, it is to be chosen by what is heard."""
        self._open: set[PocketSphinxUtterance] = set()
        self._asked: set[Asks] = set()

    def begin(self, on_partial: Callable[[Partial], None], hint: Asks = NOTHING_ASKED) -> SttUtterance:
        """Start an utterance: a decoder is borrowed for it alone."""
        utterance = PocketSphinxUtterance(self, on_partial, hint, self._open.discard)
        self._open.add(utterance)
        return utterance

    async def narrowed(self, hint: Asks) -> Path | None:
        """The graph of what was asked, None for the agent's own grammar.

        The first utterance that needs it waits while it is built (its audio is kept, and decoded fast). It costs the
        same time in virtual time whether another call has had it built before: a call run again is the same call.
        """
        from agent.stt.narrowing import question

        asked = question(hint)
        if asked is None:
            return None
        if asked in self._asked and self.narrowings.ready(asked):
            return self.narrowings.file(asked)
        self._asked.add(asked)
        return await self.ctx.offload(self.narrowings.file, asked, cost_ms=_NARROWING_COST_MS)

    async def close(self) -> None:
        """Cancel what is still open."""
        for utterance in tuple(self._open):
            await utterance.cancel()


class PocketSphinxUtterance:
    """Audio waits in one buffer; one task, while the utterance lasts, has it decoded piece by piece in a thread."""

    def __init__(
        self,
        call: PocketSphinxCall,
        on_partial: Callable[[Partial], None],
        hint: Asks,
        done: Callable[[PocketSphinxUtterance], None],
    ) -> None:
        self._call = call
        self._on_partial = on_partial
        self._hint = hint
        self._audio = bytearray()
        self._wake = asyncio.Event()
        self._asked = False
        self._cancelled = False
        self._prefix = StablePrefix()
        self._task = asyncio.create_task(self._run())
        self._task.add_done_callback(lambda task: done(self))

    def push(self, pcm: bytes) -> None:
        """PCM16 at 16 kHz. What comes after `final` or `cancel` is dropped."""
        if self._asked or self._cancelled:
            return
        self._audio += pcm
        if len(self._audio) >= _PIECE_MIN_BYTES:
            self._wake.set()

    async def final(self) -> Transcript:
        """The text, "" where it fits no phrase of the grammar. Raises EngineError when no decoder came free in time."""
        self._asked = True
        self._wake.set()
        try:
            return Transcript(await asyncio.shield(self._task))
        except asyncio.CancelledError:
            self._stop()
            raise

    async def cancel(self) -> None:
        """Returns once the decoder is back in the pool: within a piece's time."""
        self._stop()
        await asyncio.wait([self._task])
        if not self._task.cancelled():
            self._task.exception()  # looked at, so that asyncio does not complain; a cancelled utterance has no errors

    def _stop(self) -> None:
        self._cancelled = True
        self._wake.set()

    async def _run(self) -> str:
        pool = self._call.pool
        asked = await self._call.narrowed(self._hint)
        decoder = await pool.acquire(self._call.ctx, deadline_s=_DECODER_DEADLINE_S)
        try:
            text = await self._decode(decoder, asked)
        except BaseException:
            # A thread may still be in it (the loop is closing), or it failed: nobody else may have it.
            pool.discard(decoder)
            raise
        pool.release(decoder)
        return text

    async def _decode(self, decoder: AskedDecoder, asked: Path | None) -> str:
        offload, call = self._call.ctx.offload, self._call
        while call.cmn is None and len(self._audio) < _MEASURED_BYTES and not (self._asked or self._cancelled):
            self._wake.clear()
            await self._wake.wait()
        heard = bytes(self._audio[:_MEASURED_BYTES]) if call.cmn is None else b""
        begin = partial(_begin, decoder, asked, call.cmn, heard, wide_line=call.wide_line)
        await offload(begin, cost_ms=_COST_PER_MS)
        while not self._cancelled:
            if len(self._audio) >= _PIECE_MIN_BYTES or (self._asked and self._audio):
                piece = bytes(self._audio[:_PIECE_MAX_BYTES])
                del self._audio[:_PIECE_MAX_BYTES]
                cost_ms = len(piece) / 2 / RATE_HZ * 1000 * _COST_PER_MS
                self._show(await offload(decoder.hear, piece, cost_ms=cost_ms))
            elif self._asked:
                break
            else:
                self._wake.clear()
                await self._wake.wait()
        text, cmn = await offload(decoder.end, cost_ms=_COST_PER_MS)
        if self._cancelled:
            return ""
        if text:
            call.cmn = cmn  # noise must not bend what the caller's next words are measured by
        return text

    def _show(self, text: str) -> None:
        if text and not self._cancelled and text != self._prefix.text:
            self._on_partial(Partial(text, self._prefix.next(text)))
        elif text:
            self._prefix.next(text)


# --- in the thread ----------------------------------------------------------------------------------------------------


def _begin(decoder: AskedDecoder, asked: Path | None, cmn: str | None, heard: bytes, *, wide_line: bool) -> None:
    if cmn is None:
        cmn = CMN_PRIOR_WIDE if wide_line and is_wideband(heard, RATE_HZ) else _first_mean(decoder, heard)
    decoder.begin(asked, cmn)


def _first_mean(decoder: AskedDecoder, heard: bytes) -> str:
    """The telephone's prior; where there is far more sound than that was made for, what is heard.

    Measured with real callers at 20 dB, as the first words of a call, answers to a question for four digits (5
    speakers, 20 numbers): with the prior 31 % of the words are heard and 4 answers not at all, with this 50 % and 2. To
    trust what is heard in every case was worse where the prior is right: of 30 phrases (flite) it loses 7.
    """
    if not begins_quiet(heard, RATE_HZ):
        return CMN_PRIOR
    prior = [float(number) for number in CMN_PRIOR.split(",")]
    loudness, *shape = decoder.mean(heard)
    if loudness < prior[0] + _FAR:
        return CMN_PRIOR
    mean = [loudness + _QUIET_SHARE / 2, *((one + other) / 2 for one, other in zip(prior[1:], shape, strict=True))]
    return ",".join(f"{number:.3f}" for number in mean)
