"""A plain app_queue in the running Asterisk, with phones of its own: what the hotline is compared with.

It gets the fairest settings there are: one agent rung at a time, the one idle longest; no music (the caller
hears ringing and isn't answered before an agent does); no announcements, no events asked for.
"""

import asyncio
import time

from tests.bench.plan import Plan
from tests.bench.private import PrivateHotline

NUMBER = "9001"
"""What its callers dial."""
_PHONE = """
[{name}]
type = aor
contact = sip:{name}@127.0.0.1:{port}

[{name}]
type = endpoint
aors = {name}
transport = udp
context = agents
disallow = all
allow = alaw
direct_media = no
rtp_symmetric = yes
media_address = 127.0.0.1
bind_rtp_to_media_address = yes
send_connected_line = no
trust_connected_line = no
"""
_QUEUE = """
[bench]
strategy = leastrecent
ringinuse = no
autofill = yes
timeout = 20
retry = 1
wrapuptime = 0
joinempty = yes
leavewhenempty = no
announce-frequency = 0
announce-position = no
announce-holdtime = no
"""
_READY_SECONDS = 45.0


class PlainQueueError(Exception):
    """The plain queue could not be set up."""


async def add(hotline: PrivateHotline, plan: Plan) -> None:
    """Put the queue, its phones and its number into the running Asterisk. Raises PlainQueueError."""
    names = [f"q{place:04d}" for place in range(plan.phones)]
    etc = hotline.asterisk_etc
    with (etc / "pjsip.conf").open("a") as file:
        file.write("".join(_PHONE.format(name=name, port=plan.queue_phone_port) for name in names))
    with (etc / "queues.conf").open("a") as file:
        file.write(_QUEUE + "".join(f"member => PJSIP/{name}\n" for name in names))
    hotline.asterisk("module reload res_pjsip.so")
    deadline = time.monotonic() + _READY_SECONDS
    hotline.asterisk("queue reload all")
    while (ready := hotline.asterisk("queue show bench").count("(Not in use)")) < plan.phones:
        if time.monotonic() > deadline:
            raise PlainQueueError(f"only {ready} of {plan.phones} members of the plain queue are ready")
        await asyncio.sleep(0.3)
    said = hotline.asterisk(f"dialplan add extension {NUMBER},1,Queue,bench,r into hotline")
    if NUMBER not in hotline.asterisk(f"dialplan show {NUMBER}@hotline"):
        raise PlainQueueError(f"its number was not taken: {said}")
