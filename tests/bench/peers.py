"""What the hotline is compared with, in the running Asterisk, with phones of their own: app_queue and Dial().

app_queue gets the fairest settings there are: one agent rung at a time, the one idle longest; no music (the caller
hears ringing and isn't answered before an agent does); no announcements. A peer that shows anything has a socket of the
manager interface open; `listening` is that socket. Once the interface is enabled it costs for good, so it comes last.
"""

import asyncio
import contextlib
import secrets
import sys
import time
from collections.abc import AsyncIterator

from tests.bench.listener import LISTENS, USER
from tests.bench.load import die_with_parent
from tests.bench.plan import Plan
from tests.bench.private import PrivateHotline

QUEUE_NUMBER, DIAL_NUMBER, STORM_NUMBER = "9001", "9002", "9003"
"""What callers dial."""
_FIRST_PHONE = 1000
_PHONE = """
[q{name}]
type = aor
contact = sip:q{name}@127.0.0.1:{port}

[q{name}]
type = endpoint
aors = q{name}
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
[{name}]
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
_MANAGER = """
[general]
enabled = yes
webenabled = no
bindaddr = 127.0.0.1
port = {port}

[{user}]
secret = {secret}
read = all
write = all
writetimeout = 5000
"""
_READY_SECONDS = 60.0


class PeerError(Exception):
    """A peer could not be set up."""


async def add(hotline: PrivateHotline, plan: Plan) -> None:
    """Put the queues, their phones and all numbers into the running Asterisk. Raises PeerError."""
    names = [str(_FIRST_PHONE + place) for place in range(plan.most_phones)]
    ports = [plan.peer_phone_port] * (len(names) - 1) + [plan.peer_recovering_port]
    if "storm" not in plan.sections:
        ports[-1] = plan.peer_phone_port
    etc = hotline.asterisk_etc
    with (etc / "pjsip.conf").open("a") as file:
        file.write("".join(_PHONE.format(name=name, port=port) for name, port in zip(names, ports, strict=True)))
    with (etc / "queues.conf").open("a") as file:
        for queue, count in (("bench", plan.phones), ("storm", plan.storm_phones)):
            file.write(_QUEUE.format(name=queue))
            file.write("".join(f"member => PJSIP/q{name}\n" for name in names[:count]))
    hotline.asterisk("module reload res_pjsip.so")
    hotline.asterisk("queue reload all")
    await _await_members(hotline, "bench", min(plan.phones, len(names)))
    hotline.asterisk("module load func_rand.so")
    any_phone = f"PJSIP/q${{RAND({_FIRST_PHONE},{_FIRST_PHONE + min(plan.phones, len(names)) - 2})}}"
    ways = {QUEUE_NUMBER: "Queue,bench,r", DIAL_NUMBER: f"Dial,{any_phone}", STORM_NUMBER: "Queue,storm,r"}
    for number, application in ways.items():
        said = hotline.asterisk(f"dialplan add extension {number},1,{application} into hotline")
        if number not in hotline.asterisk(f"dialplan show {number}@hotline"):
            raise PeerError(f"{number} was not taken: {said}")


async def _await_members(hotline: PrivateHotline, queue: str, count: int) -> None:
    deadline = time.monotonic() + _READY_SECONDS
    while (ready := hotline.asterisk(f"queue show {queue}").count("(Not in use)")) < count:
        if time.monotonic() > deadline:
            raise PeerError(f"only {ready} of {count} members of {queue} are ready")
        await asyncio.sleep(0.3)


@contextlib.asynccontextmanager
async def listening(hotline: PrivateHotline, plan: Plan) -> AsyncIterator[None]:
    """Enable the manager interface, with a socket that reads all of its events inside the block. Raises PeerError."""
    secret = secrets.token_urlsafe(16)
    manager = hotline.asterisk_etc / "manager.conf"
    manager.write_text(_MANAGER.format(port=plan.ami_port, user=USER, secret=secret))
    hotline.asterisk("manager reload")
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "tests.bench.listener", str(plan.ami_port)),
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        preexec_fn=die_with_parent,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    try:
        process.stdin.write(f"{secret}\n".encode())
        said = await asyncio.wait_for(process.stdout.readline(), 15)
        if said.decode().strip() != LISTENS:
            raise PeerError(f"the manager interface does not let the listener in: {said.decode()[:200]}")
        yield
        if process.returncode is not None:
            raise PeerError("the listener at the manager interface ended early")
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()
