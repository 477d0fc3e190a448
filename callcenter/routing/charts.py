"""A forecast as charts: how many callers are answered by each ring, in the terminal and as SVG.

The terminal's bars are rich's; the SVG is pygal's (pure Python, well kept, and its text stays text in a document).
"""

from bisect import bisect_left
from collections.abc import Sequence
from xml.etree.ElementTree import Element

import pygal
from pygal.style import Style
from rich.bar import Bar
from rich.box import SIMPLE_HEAD
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from callcenter.routing.forecast import QueueForecast
from callcenter.routing.rings import DEFAULT_CADENCE
from callcenter.words import words

_ROWS = 12
_BAR_CELLS = 36
_POINTS = 200
_EVERY_RINGS = (1, 2, 4, 6, 12, 24, 60, 120, 360, 720)

_PLAIN = Style(
    background="white",
    plot_background="white",
    font_family="sans-serif",
    stroke_width="2.5",
    guide_stroke_color="#ddd",
    guide_stroke_dasharray="0",
    major_guide_stroke_color="#bbb",
    major_guide_stroke_dasharray="0",
)


def terminal_chart(queues: Sequence[QueueForecast]) -> Table:
    """The share of all callers who were answered by the end of each ring; beside it Erlang's, where there is one queue
    and it has one.
    """
    theory = queues[0].theory if len(queues) == 1 and queues[0].theory and queues[0].theory.state else None
    targets = {queue.target_rings for queue in queues}
    table = Table(
        box=SIMPLE_HEAD, pad_edge=False, title=words("Callers answered", "已接通的来电"), title_justify="left"
    )
    table.add_column(words("by ring", "响铃数"), justify="right", no_wrap=True)
    table.add_column(words("seconds", "秒"), justify="right", no_wrap=True)
    table.add_column("", width=_BAR_CELLS)
    table.add_column(words("share", "占比"), justify="right", no_wrap=True)
    if theory:
        table.add_column(theory.name, justify="right", style="dim", no_wrap=True)
    for rings in _rings_shown(queues):
        seconds = rings * DEFAULT_CADENCE.period_seconds
        share = answered_within(queues, seconds)
        met = rings in targets
        cells: list[RenderableType] = [
            Text(f"{rings}{' ◄' if met else '  '}", style="bold" if met else ""),
            f"{seconds:g}",
            Bar(1.0, 0.0, share, width=_BAR_CELLS, color="green" if met else "cyan"),
            f"{share:.1%}",
        ]
        if theory:
            cells.append(f"{theory.answered_within(seconds):.1%}")
        table.add_row(*cells)
    return table


def answered_within(queues: Sequence[QueueForecast], seconds: float) -> float:
    """The share of all callers who were answered before so many seconds had passed."""
    arrived = sum(queue.arrived for queue in queues)
    return sum(bisect_left(queue.answered_after, seconds) for queue in queues) / max(1, arrived)


def _rings_shown(queues: Sequence[QueueForecast]) -> list[int]:
    """Up to the ring by which nearly all have been answered who ever are; every target among them."""
    waits = sorted(wait for queue in queues for wait in queue.answered_after)
    last = waits[int(len(waits) * 0.99)] if waits else 0.0
    targets = {queue.target_rings for queue in queues}
    rings = max(int(last // DEFAULT_CADENCE.period_seconds) + 1, *targets)
    every = next((step for step in _EVERY_RINGS if rings <= step * _ROWS), _EVERY_RINGS[-1])
    return sorted({*range(every, rings + every, every)} | targets)


def svg_chart(queues: Sequence[QueueForecast], title: str) -> str:
    """The same as curves, one a queue; dashed: Erlang's."""
    rings = _rings_shown(queues)
    last = rings[-1] * DEFAULT_CADENCE.period_seconds
    moments = [last * place / _POINTS for place in range(_POINTS + 1)]
    chart = pygal.XY(
        js=[],
        title=title,
        x_title=words("seconds after the call came in", "来电后的秒数"),
        y_title=words("% of all callers answered", "已接通的来电占比（%）"),
        show_dots=False,
        range=(0, 100),
        xrange=(0, last),
        legend_at_bottom=True,
        width=900,
        height=520,
        style=_PLAIN,
    )
    chart.add_xml_filter(_without_scripts)
    for queue in queues:
        chart.add(queue.queue_id, [(at, 100 * answered_within([queue], at)) for at in moments])
        if queue.theory:
            curve = [(at, 100 * queue.theory.answered_within(at)) for at in moments]
            chart.add(f"{queue.queue_id}: {queue.theory.name}", curve, stroke_style={"dasharray": "6, 4"})
    for seconds in sorted({queue.target_seconds for queue in queues}):
        name = words(f"ring target, {seconds:g} s", f"振铃目标 {seconds:g} 秒")
        chart.add(name, [(seconds, 0), (seconds, 100)], stroke_style={"dasharray": "2, 4"})
    svg: str = chart.render(is_unicode=True)
    return svg


def _without_scripts(root: Element) -> Element:
    """A picture in a document has nothing to run."""
    for parent in root.iter():
        for child in list(parent):
            if child.tag == "script":
                parent.remove(child)
    return root
