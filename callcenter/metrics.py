"""The service's own figures for Prometheus; what a board shows is in `callcenter.board.metrics`. The names are part of
the outside view.
"""

from prometheus_client import Counter, Gauge, Histogram

_FAST = (0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0, 2.0)
_WAITS = (5, 10, 15, 20, 25, 30, 60, 120, 300, 600)

CALLS = Counter(
    "callcenter_calls", "Calls that ended, by what has become of them half a minute later", ["queue", "status"]
)
OFFERS = Counter("callcenter_offers", "Offers to agents", ["queue"])
MISSES = Counter("callcenter_offers_missed", "Offers that came to nothing, by reason", ["reason"])
WAITED = Histogram("callcenter_wait_seconds", "Seconds from arrival to an agent's answer", ["queue"], buckets=_WAITS)
NODE_UP = Gauge("callcenter_node_up", "1 while a node serves calls, 0 while it does not", ["node"])
IDENTIFY = Histogram("callcenter_identify_seconds", "Looking a caller up", buckets=_FAST)
POP = Histogram("callcenter_pop_seconds", "From a call's arrival on Asterisk to its screen-pop", buckets=_FAST)
REPAIRS = Counter("callcenter_repairs", "What the reconciler put right", ["what"])
EVENTS_WRITTEN = Counter("callcenter_events_written", "Facts committed to PostgreSQL")
EVENTS_REFUSED = Counter("callcenter_events_refused", "Facts set aside because they could not be read or stored")
WRITER_LAG = Gauge("callcenter_writer_lag_seconds", "Age of the oldest fact not yet in PostgreSQL")
WEBHOOKS = Counter("callcenter_webhook_tries", "Tries to tell the webhook of an alarm, by result", ["result"])
RECORDINGS_TAKEN = Counter("callcenter_recordings_taken", "Recordings taken from the nodes and kept")
RECORDINGS_DELETED = Counter("callcenter_recordings_deleted", "Recordings deleted, whose files were seen to be gone")
RECORDINGS_NOT_DELETED = Counter("callcenter_recordings_not_deleted", "Tries to delete a recording's file in vain")
RECORDINGS_WAITING = Gauge("callcenter_recordings_waiting", "Recordings that wait on a node to be taken", ["node"])
RECORDINGS_PUT_ASIDE = Gauge("callcenter_recordings_put_aside", "Recordings that were refused", ["node"])
RECORDINGS_ROOM = Gauge("callcenter_recordings_room", "1 while a node's disk has room for recordings", ["node"])
