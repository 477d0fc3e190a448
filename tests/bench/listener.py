"""Reads every event of Asterisk's manager interface, as any dashboard does: `python -m tests.bench.listener PORT`.

The secret comes by standard input. A process of its own, so that reading costs nobody who is measured.
"""

import socket
import sys

USER = "bench"
LISTENS = "listens"
_PATIENCE_SECONDS = 10.0


def main() -> int:
    """Sign in, say so, read until Asterisk closes or the parent ends this."""
    port, secret = int(sys.argv[1]), sys.stdin.readline().strip()
    with socket.create_connection(("127.0.0.1", port), _PATIENCE_SECONDS) as line:
        line.sendall(f"Action: Login\r\nUsername: {USER}\r\nSecret: {secret}\r\nEvents: on\r\n\r\n".encode())
        said = b""
        while b"Authentication accepted" not in said:
            more = line.recv(65_536)
            said += more
            if not more or b"Response: Error" in said:
                print(said.decode(errors="replace")[-200:], flush=True)
                return 1
        print(LISTENS, flush=True)
        line.settimeout(None)
        while line.recv(1_048_576):
            pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
