"""What one bench does: which sections, which rates for how long, with how many phones and callers, on which ports."""

from dataclasses import dataclass

BASE_PORT = 26000
MOST_PHONES = 400
SECTIONS = ("calls", "ready", "waiting", "boards", "storm", "importing", "customers", "matching")


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The shape of a run. Talk and ringing are the same on every path."""

    sections: tuple[str, ...] = SECTIONS
    rates: tuple[int, ...] = (10, 20, 40)
    """Calls a second, one phase each."""
    seconds: int = 13
    """How long callers come in, a round; and how long a line is watched."""
    rounds: int = 3
    """How often the hotline and its peer take turns at each rate: no machine is equally fast in every minute."""
    talk_ms: int = 2000
    ring_ms: int = 100
    """How long a phone rings before it answers."""
    phones: int = 120
    crowd_agents: int = 20
    """Agents who serve the lines of `ready` and `waiting`."""
    ready_waiting: int = 200
    few_waiting: int = 10
    many_waiting: int = 500
    boards: int = 100
    """Open at the highest rate, in `boards`."""
    storm_waiting: int = 500
    storm_phones: int = MOST_PHONES
    storm_seconds: int = 10
    rows: int = 100_000
    """Of each file, in `importing`."""
    customers: int = 5_000_000
    """In `customers`; with 1.6 times as many numbers and twice as many calls."""
    questions: int = 2_000
    """How often each thing is asked, in `customers`; the rarer ones a part of that."""
    matches: int = 5_000
    """Pairs for each number of callers waiting, in `matching`."""
    idle_seconds: int = 6
    """How long the use with no call is looked at."""
    base_port: int = BASE_PORT

    @property
    def web_port(self) -> int:
        """The hotline's web server."""
        return self.base_port + 80

    @property
    def peer_base_port(self) -> int:
        """The Asterisk that the hotline is compared with has its ports from here on."""
        return self.base_port + 100

    @property
    def caller_port(self) -> int:
        """SIPp's callers."""
        return self.base_port + 61

    @property
    def desk_phone_port(self) -> int:
        """SIPp's phones of the hotline's agents."""
        return self.base_port + 62

    @property
    def peer_phone_port(self) -> int:
        """SIPp's phones of app_queue's members, which Dial() rings too."""
        return self.base_port + 63

    @property
    def desk_recovering_port(self) -> int:
        """The agent's phone that is the first to answer again after the storm."""
        return self.base_port + 64

    @property
    def peer_recovering_port(self) -> int:
        """The member's phone that is the first to answer again."""
        return self.base_port + 65

    @property
    def ami_port(self) -> int:
        """The peer's manager interface, where it is open."""
        return self.peer_base_port + 38

    @property
    def most_phones(self) -> int:
        """Agents that are made, and phones on either side."""
        wanted = {"calls": self.phones, "boards": self.phones, "ready": self.crowd_agents, "waiting": self.crowd_agents}
        wanted |= {"storm": self.storm_phones, "importing": 1, "customers": 20}
        return max((wanted.get(section, 0) for section in self.sections), default=0)

    def calls(self, rate: int) -> int:
        """Calls of one round."""
        return rate * self.seconds


QUICK = Plan(
    sections=("calls", "ready", "matching"),
    rates=(20,),
    seconds=6,
    rounds=2,
    phones=60,
    crowd_agents=10,
    ready_waiting=100,
    many_waiting=100,
    storm_waiting=100,
    storm_phones=80,
    storm_seconds=4,
    matches=1_000,
    idle_seconds=3,
)


def phones_needed(rate: int, talk_ms: int, ring_ms: int) -> int:
    """Phones that keep up with `rate` calls a second without a caller in line: the busy ones, and 40 %."""
    busy_seconds = (talk_ms + ring_ms) / 1000
    return min(MOST_PHONES, round(rate * busy_seconds * 1.4) + 5)
