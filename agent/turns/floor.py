"""Whose turn is it, and has it been answered? The one owner of that question, as a table.

Rule 1: everything that moves the floor stands in TABLE. Rule 2: it knows nothing of audio, engines or clocks.
"""

from __future__ import annotations

from enum import Enum, auto

from agent.errors import LocalError


class Floor(Enum):
    """Who has the floor."""

    #: Nobody: the agent has been heard to its end, the caller has not begun.
    OPEN = auto()
    #: The caller is speaking (or pausing within a turn).
    CALLER = auto()
    #: The caller's turn is over; its text is awaited.
    WEIGHING = auto()
    #: The agent owes an answer, or is giving it.
    AGENT = auto()
    #: The agent has fallen silent for a caller who speaks over it; whether that was meant is not known yet.
    YIELDED = auto()
    #: The agent leaves the line as soon as its last words have been heard. Nothing takes the floor any more.
    LEAVING = auto()


class Move(Enum):
    """What can happen to the floor."""

    CALLER_BEGAN = auto()
    TURN_ENDED = auto()
    #: The turn's text is accepted: exactly one reply belongs to it.
    COMMITTED = auto()
    #: The turn held nothing to answer.
    REJECTED = auto()
    #: The agent speaks of its own accord: greeting, prompting.
    AGENT_BEGAN = auto()
    #: The caller speaks over the agent: it falls silent, and keeps what was not heard.
    YIELD = auto()
    #: It was meant: the floor is the caller's, and what was not heard is given up.
    BARGED_IN = auto()
    #: It was nothing (a noise, "mhm", an echo): the agent takes up where it stopped.
    TAKEN_UP = auto()
    #: All the agent had to say has been heard.
    HEARD = auto()
    LEAVE = auto()


TABLE: dict[Floor, dict[Move, Floor]] = {
    Floor.OPEN: {
        Move.CALLER_BEGAN: Floor.CALLER,
        Move.COMMITTED: Floor.AGENT,  # an entry by keypad is a turn without speech
        Move.AGENT_BEGAN: Floor.AGENT,
        Move.HEARD: Floor.OPEN,
        Move.LEAVE: Floor.LEAVING,
    },
    Floor.CALLER: {
        Move.TURN_ENDED: Floor.WEIGHING,
        Move.COMMITTED: Floor.AGENT,
        Move.HEARD: Floor.CALLER,
        Move.LEAVE: Floor.LEAVING,
    },
    Floor.WEIGHING: {
        Move.COMMITTED: Floor.AGENT,
        Move.REJECTED: Floor.OPEN,
        Move.HEARD: Floor.WEIGHING,
        Move.LEAVE: Floor.LEAVING,
    },
    Floor.AGENT: {
        Move.CALLER_BEGAN: Floor.AGENT,  # not yet: only BARGED_IN takes the floor from the agent
        Move.TURN_ENDED: Floor.AGENT,  # nothing that stopped it
        Move.YIELD: Floor.YIELDED,
        Move.BARGED_IN: Floor.CALLER,  # at once, by a key
        Move.COMMITTED: Floor.AGENT,
        Move.AGENT_BEGAN: Floor.AGENT,
        Move.HEARD: Floor.OPEN,
        Move.LEAVE: Floor.LEAVING,
    },
    Floor.YIELDED: {
        Move.TURN_ENDED: Floor.YIELDED,  # its text decides
        Move.COMMITTED: Floor.AGENT,
        Move.BARGED_IN: Floor.CALLER,
        Move.TAKEN_UP: Floor.AGENT,
        Move.AGENT_BEGAN: Floor.YIELDED,  # what it says now is kept with the rest
        Move.LEAVE: Floor.LEAVING,
    },
    Floor.LEAVING: dict.fromkeys(Move, Floor.LEAVING),
}


class FloorKeeper:
    """Holds the floor and moves it by TABLE; a move that the table lacks is an error of ours, and changes nothing."""

    def __init__(self) -> None:
        self.floor = Floor.OPEN

    def may(self, move: Move) -> bool:
        """Whether the move can follow now."""
        return move in TABLE[self.floor]

    def move(self, move: Move) -> Floor:
        """Make a move; LocalError if it cannot follow."""
        try:
            self.floor = TABLE[self.floor][move]
        except KeyError:
            raise LocalError(f"floor: {move.name} cannot happen while {self.floor.name}") from None
        return self.floor
