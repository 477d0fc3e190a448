"""Boards as tests need them: a few rows, everything else as it is on a quiet day."""

from typing import Any

from callcenter.board.model import Board, FigureRow, empty

NOW = 1_763_780_000_000


def figure(**values: float) -> dict[str, Any]:
    """A row of today's figures; what is not named is none."""
    return dict.fromkeys(FigureRow.__annotations__, 0) | values


class BoardOfTest:
    """A board with the queue `service`, alice who is ready in it, and node1."""

    def __init__(self) -> None:
        self.board: Board = empty()
        self.queue("service", "客服热线", "Service hotline")
        self.board["nodes"]["node1"] = {"up": True}
        self.board["general"]["general"] = {"leave_out_short": True, "short_abandon_seconds": 5}
        self.agent(1, "ready", "service")

    async def recent(self) -> Board:
        """The board as it is."""
        return self.board

    def queue(self, queue_id: str, name_zh: str = "二", name_en: str = "Second") -> None:
        """Another queue."""
        names = {"queue_id": queue_id, "name_zh": name_zh, "name_en": name_en}
        self.board["queues"][queue_id] = {**names, "position": len(self.board["queues"])}

    def agent(self, user_id: int, state: str, *queues: str) -> None:
        """An agent is in this state."""
        self.board["agents"][str(user_id)] = {"user_id": user_id, "state": state, "queues": list(queues)}

    def call(self, call_id: str, place: str, since_ms: int, queue_id: str = "service") -> None:
        """A call that is somewhere; its caller has waited since then."""
        self.board["calls"][call_id] = {"queue_id": queue_id, "place": place, "arrived_at": since_ms}

    def over(self, *call_ids: str) -> None:
        """These calls are over."""
        for call_id in call_ids:
            del self.board["calls"][call_id]
