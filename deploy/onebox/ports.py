"""Is a port free, and who holds it when it is not?"""

import socket
from pathlib import Path

from callcenter.words import Problem

from .layout import Layout

KINDS = {"tcp": socket.SOCK_STREAM, "udp": socket.SOCK_DGRAM}


def is_free(address: str, protocol: str, port: int) -> bool:
    """Can `port` be listened on at `address` now? `protocol` is tcp or udp."""
    with socket.socket(socket.AF_INET, KINDS[protocol]) as probe:
        if protocol == "tcp":
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address, port))
            if protocol == "tcp":
                probe.listen(1)
        except OSError:
            return False
    return True


def next_free(address: str, protocol: str, port: int) -> int:
    """The first free port above `port`."""
    for candidate in range(port + 1, 65536):
        if is_free(address, protocol, candidate):
            return candidate
    return port


def holder(protocol: str, port: int) -> str:
    """Name and id of the process that has `port`, such as "nginx (123)"; empty where it cannot be seen."""
    inodes = _listening_inodes(protocol, port)
    if not inodes:
        return ""
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and inodes & _sockets(folder / "fd"):
            try:
                return f"{(folder / 'comm').read_text().strip()} ({folder.name})"
            except OSError:
                return ""
    return ""


def _listening_inodes(protocol: str, port: int) -> set[str]:
    inodes: set[str] = set()
    listening = "0A" if protocol == "tcp" else "07"
    for table in (protocol, f"{protocol}6"):
        try:
            lines = Path(f"/proc/net/{table}").read_text().splitlines()[1:]
        except OSError:
            continue
        for line in lines:
            fields = line.split()
            if int(fields[1].rpartition(":")[2], 16) == port and fields[3] == listening:
                inodes.add(fields[9])
    return inodes


def _sockets(folder: Path) -> set[str]:
    found: set[str] = set()
    try:
        for entry in folder.iterdir():
            target = str(entry.readlink())
            if target.startswith("socket:["):
                found.add(target[8:-1])
    except OSError:
        pass
    return found


def refuse_taken(layout: Layout) -> None:
    """Raise Problem for the first port that somebody else listens on."""
    for variable, protocol, address, port, part in layout.listeners():
        if is_free(address, protocol, port):
            continue
        by = holder(protocol, port)
        other = next_free(address, protocol, port)
        raise Problem(
            f"port {port} ({protocol}, for {part}) is taken{f' by {by}' if by else ''}."
            f" Stop that program, or choose another port: {variable}={other} make run",
            f"端口 {port}（{protocol}，{part}）已被{by or '其他程序'}占用。"
            f"请停止该程序，或换一个端口：{variable}={other} make run",
        )
