"""`var/hotline.json`: where a running hotline is, for scripts and tests. There only while it is ready."""

import json
from collections.abc import Sequence
from typing import Any

from .box import Box
from .layout import NodePlace
from .secret_file import private_file
from .servers import asterisk_console


def facts(box: Box, logins: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """What the file holds; its names are kept stable."""
    settings, layout = box.settings, box.layout
    return {
        "web_url": layout.web_url,
        "sip": box.sip_address(layout.nodes[0]),
        "hotline_number": settings.hotline_number,
        "agi": f"agi://{settings.agi_host}:{settings.agi_port}",
        "ari_url": settings.ari_url,
        "ari_user": settings.ari_user,
        "ari_password": settings.ari_password.get_secret_value(),
        "database_url": settings.database_url,
        "redis_url": settings.redis_url,
        "metrics_url": f"{layout.web_url}/metrics",
        "node_token": settings.node_token.get_secret_value(),
        "asterisk_cli": _console(box, layout.nodes[0]),
        "nodes": [
            {"name": name, "sip": box.sip_address(place), "ari_url": url, "asterisk_cli": _console(box, place)}
            for (name, url), place in zip(settings.ari_urls.items(), layout.nodes, strict=True)
        ],
        "web_urls": layout.web_urls,
        "logs": str(layout.log),
        "logins": list(logins),
    }


def _console(box: Box, place: NodePlace) -> str:
    return str(asterisk_console(place)) if box.is_ours("asterisk") else "asterisk"


def write(box: Box, logins: Sequence[dict[str, Any]]) -> dict[str, Any]:
    """Write the file, readable by its owner only; returns what it holds."""
    held = facts(box, logins)
    with private_file(box.layout.hotline_file) as partial:
        partial.write_text(json.dumps(held, indent=1, ensure_ascii=False) + "\n")
    return held
