"""The web address that alarms are sent to: what may stand there, and what is shown of it to most. Pure."""

from typing import Final
from urllib.parse import urlsplit

from callcenter.configuration.fitting import ConfigurationError

HIDDEN: Final = "/…"
"""In place of all that follows the host, which may hold a token. It is not ASCII: nobody brings it in as an address."""


def checked(address: str) -> str:
    """`address` if alarms can be sent there, or if it is empty. Raises ConfigurationError, which never repeats it."""
    if address and not _is_web_address(address):
        raise ConfigurationError(
            "Give a whole http or https address, without user name and fragment (#).",
            "请填写完整的 http 或 https 网址，不含用户名和 # 片段。",
        )
    return address


def _is_web_address(address: str) -> bool:
    try:
        parts = urlsplit(address)
        port = parts.port
    except ValueError:
        return False
    plain = address.isascii() and address.isprintable() and " " not in address
    whole = parts.scheme in ("http", "https") and bool(parts.hostname) and port != 0
    return plain and whole and "@" not in parts.netloc and not parts.fragment


def concealed(address: str) -> str:
    """What may be shown and logged of it: the scheme and the host."""
    if not address:
        return ""
    parts = urlsplit(address)
    return f"{parts.scheme}://{parts.netloc}{HIDDEN}"
