"""What the terminal shows while the hotline starts, and when it is ready."""

import contextlib
import time
from typing import Any

from rich.box import ROUNDED, SIMPLE_HEAD
from rich.console import Console, Group
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from callcenter.words import Problem, words

ROLES = {
    "administrator": ("administrator", "管理员"),
    "supervisor": ("supervisor", "班长"),
    "agent": ("agent", "座席"),
    "manager": ("manager", "客服经理"),
    "complaint_specialist": ("complaint specialist", "客诉专员"),
    "auditor": ("auditor", "审计员"),
}
PHONES = {"browser": ("browser", "浏览器"), "desk": ("desk phone", "话机")}


class Screen:
    """One line for each step, then a box with all a person needs."""

    def __init__(self) -> None:
        self._console = Console(highlight=False)
        self._began = time.monotonic()

    def step(self, line: str) -> None:
        """Say what is being done, with the seconds since the start."""
        with contextlib.suppress(OSError):  # the terminal may have been closed
            self._console.print(f"[dim]{time.monotonic() - self._began:5.1f} s[/]  {line}", soft_wrap=True)

    def problem(self, problem: Problem) -> None:
        """Say what went wrong, in both languages."""
        console = Console(stderr=True, highlight=False)
        console.print(Text(f"error: {problem.en}", style="bold red"), soft_wrap=True)
        console.print(Text(f"错误：{problem.zh}", style="bold red"), soft_wrap=True)

    def ready(self, facts: dict[str, Any]) -> None:
        """The box that says where to go, who to be, what to ring and how to stop."""
        seconds = time.monotonic() - self._began
        where = Table.grid(padding=(0, 2))
        where.add_row(words("Open", "打开"), Text(facts["web_url"], style="bold cyan"))
        number = Text(facts["hotline_number"], style="bold cyan")
        number.append(
            words(f"   (a SIP trunk's call to {facts['sip']})", f"   （SIP 中继呼叫 {facts['sip']}）"),
            style="dim",
        )
        where.add_row(words("Ring", "拨打"), number)
        where.add_row(words("Stop", "停止"), words("Ctrl-C here, or: make stop", "在此按 Ctrl-C，或运行：make stop"))
        where.add_row(words("Logs", "日志"), facts["logs"])
        title = words(f"The hotline is ready ({seconds:.1f} s)", f"热线已就绪（{seconds:.1f} 秒）")
        self._console.print(
            Panel(
                Group(where, _logins(facts["logins"])),
                title=title,
                border_style="green",
                box=ROUNDED,
                expand=False,
            )
        )


def _logins(logins: list[dict[str, Any]]) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in (
        words("Sign in as", "用户名"),
        words("Password", "密码"),
        words("Role", "角色"),
        words("Phone", "分机"),
        words("SIP password", "SIP 密码"),
    ):
        table.add_column(heading)
    for login in logins:
        role = words(*ROLES.get(login["role"], (login["role"], login["role"])))
        phone = " ".join(
            part
            for part in (
                login.get("extension") or "",
                words(*PHONES.get(login.get("phone_kind") or "", ("", ""))),
            )
            if part
        )
        table.add_row(login["username"], login["password"], role, phone, login.get("sip_password") or "")
    return table
