"""AskedDecoder: one PocketSphinx decoder that can listen by an agent's grammar or by the graph of a question.

Everything here blocks. What an utterance gives depends on its audio, its graph and its cepstral mean alone, not on what
the decoder has heard before.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pocketsphinx

from agent.stt.grammar import SOUND, Grammar

#: A decoder keeps the graphs of so many questions, the last asked: four digits beside the parcel desk's grammar take
#: 8 MiB, and 20 to 80 ms to put in.
KEPT = 3
_MEASURING = "measuring"


class AskedDecoder:
    """Made in 20 ms; about 14 MiB for the parcel desk's grammar."""

    def __init__(self, grammar: Grammar, rate_hz: int, prepared: Sequence[Path] = ()) -> None:
        """`prepared`: graphs that are put in at once; of more than KEPT the first."""
        # bestpath and fwdflat were measured: the first loses 5 of 64 phrases, the second changes none.
        self._decoder = pocketsphinx.Decoder(
            hmm=pocketsphinx.get_model_path("en-us/en-us"),
            dict=str(grammar.dictionary),
            fsg=str(grammar.fsg),
            samprate=rate_hz,
            loglevel="FATAL",
            fwdflat=False,
            bestpath=False,
            maxhmmpf=3000,
        )
        self._grammar = grammar  # its folder goes with its last user
        self._own = self._decoder.current_search()
        self._asked: dict[str, None] = {}
        self._decoder.add_fsg(_MEASURING, self._one_sound())
        for asked in prepared[:KEPT]:
            self._search(asked)

    def begin(self, asked: Path | None, cmn: str) -> None:
        """The next utterance: by which graph (a file of agent/stt/narrowing.py, None: the agent's own grammar), from
        which cepstral mean."""
        self._decoder.activate_search(self._own if asked is None else self._search(asked))
        # The front end's estimate of the noise is not let go with an utterance; made anew, in 0.2 ms, it is.
        self._decoder.reinit_feat()
        self._decoder.set_cmn(cmn)
        self._decoder.start_utt()

    def mean(self, pcm: bytes) -> list[float]:
        """The cepstral mean of this audio alone, in 2 to 4 ms a second. Not during an utterance."""
        self._decoder.activate_search(_MEASURING)
        self._decoder.reinit_feat()
        self._decoder.start_utt()
        self._decoder.process_raw(pcm, no_search=True, full_utt=True)
        self._decoder.end_utt()
        return [float(number) for number in self._decoder.get_cmn().split(",")]

    def hear(self, pcm: bytes) -> str:
        """The best phrase so far; "" where there is none, or where the loop of sounds fits better (grammar.py)."""
        self._decoder.process_raw(pcm)
        return self._text()

    def end(self) -> tuple[str, str]:
        """The utterance's text, and the cepstral mean at its end."""
        self._decoder.end_utt()
        return self._text(), str(self._decoder.get_cmn())

    def _one_sound(self) -> Any:
        """The smallest graph: what is only measured is looked through for it all the same, which must cost nothing."""
        graph = pocketsphinx.FsgModel(_MEASURING, self._decoder.logmath, 1.0, 2)
        graph.set_start_state(0)
        graph.set_final_state(1)
        graph.trans_add(0, 1, 0, graph.word_add(f"{SOUND}AA"))
        return graph

    def _search(self, asked: Path) -> str:
        name = asked.name
        if name in self._asked:
            del self._asked[name]
        else:
            weight = self._decoder.config["lw"]
            graph = pocketsphinx.FsgModel.readfile(str(asked), self._decoder.logmath, weight)
            self._decoder.add_fsg(name, graph)
        self._asked[name] = None
        if len(self._asked) > KEPT:
            oldest = next(iter(self._asked))
            del self._asked[oldest]
            self._decoder.remove_search(oldest)
        return name

    def _text(self) -> str:
        best = self._decoder.hyp()
        return "" if best is None or SOUND in best.hypstr else str(best.hypstr)
