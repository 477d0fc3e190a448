"""What the hotline is compared with: app_queue and Dial() in an Asterisk and with phones of their own.

app_queue gets the fairest settings there are: one agent rung at a time, the one idle longest; no music (the caller
hears ringing and isn't answered before an agent does); no announcements. Asterisk makes the messages that it makes as
it is shipped (no stasis.conf of ours). A peer that shows anything listens at the manager interface: `listened_to`.
"""

import asyncio
import contextlib
import secrets
import sys
import time
from collections.abc import AsyncIterator
from pathlib import Path

from tests.bench.listener import LISTENS, USER
from tests.bench.load import die_with_parent
from tests.bench.plan import Plan
from tests.bench.private import PrivateAsterisk

QUEUE_NUMBER, DIAL_NUMBER, STORM_NUMBER = "9001", "9002", "9003"
"""What callers dial."""
FIRST_PHONE = 1000
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
_NUMBERS = """
[peers]
exten => 9001,1,Queue(bench,r)
exten => 9002,1,Dial(PJSIP/q${{RAND({first},{last})}})
exten => 9003,1,Queue(storm,r)
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
READY_SECONDS = 60.0


class PeerError(Exception):
    """A peer could not be set up."""


def prepare(etc: Path, plan: Plan, secret: str = "") -> None:
    """Write queues, phones and numbers into Asterisk's configuration before it starts; with `secret` the manager
    interface is open.
    """
    names = [str(FIRST_PHONE + place) for place in range(plan.most_phones)]
    own_port = plan.peer_recovering_port if "storm" in plan.sections else plan.peer_phone_port
    ports = [plan.peer_phone_port] * (len(names) - 1) + [own_port]
    _append(etc / "pjsip.conf", *(_PHONE.format(name=name, port=at) for name, at in zip(names, ports, strict=True)))
    for queue, count in (("bench", plan.phones), ("storm", plan.storm_phones)):
        members = (f"member => PJSIP/q{name}\n" for name in names[:count])
        _append(etc / "queues.conf", _QUEUE.format(name=queue), *members)
    last = FIRST_PHONE + min(plan.phones, len(names)) - 1
    _append(etc / "extensions.conf", _NUMBERS.format(first=FIRST_PHONE, last=last))
    _append(etc / "modules.conf", "load = func_rand.so\n")
    trunk = (etc / "pjsip.conf").read_text()
    (etc / "pjsip.conf").write_text(trunk.replace("context = hotline\n", "context = peers\n"))
    (etc / "stasis.conf").write_text("")
    if secret:
        (etc / "manager.conf").write_text(_MANAGER.format(port=plan.ami_port, user=USER, secret=secret))


def _append(file: Path, *lines: str) -> None:
    with file.open("a") as opened:
        opened.writelines(lines)


@contextlib.asynccontextmanager
async def running(folder: Path, plan: Plan, secret: str = "") -> AsyncIterator[PrivateAsterisk]:
    """A peer with all members of its queue there, inside the block. Raises PeerError, Problem."""
    with PrivateAsterisk(folder, plan, lambda etc: prepare(etc, plan, secret)) as peer:
        deadline = time.monotonic() + READY_SECONDS
        wanted = min(plan.phones, plan.most_phones)
        while (ready := peer.asterisk("queue show bench").count("(Not in use)")) < wanted:
            if time.monotonic() > deadline:
                raise PeerError(f"only {ready} of {wanted} members of the queue are ready")
            await asyncio.sleep(0.3)
        yield peer


@contextlib.asynccontextmanager
async def listened_to(folder: Path, plan: Plan) -> AsyncIterator[PrivateAsterisk]:
    """The same with the manager interface open, and a socket that reads all its events.

    Raises PeerError, Problem.
    """
    secret = secrets.token_urlsafe(16)
    async with running(folder, plan, secret) as peer:
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
            yield peer
            if process.returncode is not None:
                raise PeerError("the listener at the manager interface ended early")
        finally:
            with contextlib.suppress(ProcessLookupError):
                process.kill()
            await process.wait()
