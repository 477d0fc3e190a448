"""`callcenter simulate …`: what would become of these callers with these agents, for a supervisor at the machine."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from pydantic import ValidationError
from rich.box import SIMPLE_HEAD
from rich.console import Console
from rich.table import Table
from rich.text import Text

from callcenter.configuration import file
from callcenter.console import failed, told
from callcenter.errors import HotlineError, InvalidInputError
from callcenter.routing.charts import svg_chart, terminal_chart
from callcenter.routing.forecast import AgentForecast, QueueForecast, agent_forecasts, queue_forecasts
from callcenter.routing.scenario import Scenario
from callcenter.routing.simulator import simulate
from callcenter.validation import fields_of
from callcenter.words import words

_OPTION_OF = {
    "queues.0.calls_an_hour": "--calls-an-hour",
    "queues.0.handle_seconds": "--handle-seconds",
    "queues.0.handle_times": "--handle-times",
    "queues.0.patience_seconds": "--patience-seconds",
    "queues.0.ring_target.rings": "--target-rings",
    "agents.0.count": "--agents",
    "answer_rings": "--answer-rings",
    "hours": "--hours",
    "seed": "--seed",
}
_ANYWAY = ("hours", "seed")
"""What an option may say beside a file as well."""


def simulate_and_show(source: Path | None, options: Mapping[str, str | None], svg: Path | None) -> None:
    """Simulate the scenario of a file, or the one that the options describe, and show what comes of it.

    `options` is by the scenario's dotted names, None for those not given.
    """
    given = {name: value for name, value in options.items() if value is not None}
    try:
        scenario = _of_options(given) if source is None else _of_file(source, given)
    except HotlineError as error:
        raise failed(*told(error)) from None
    outcome = simulate(scenario)
    queues, agents = queue_forecasts(scenario, outcome), agent_forecasts(scenario, outcome)
    _show(scenario, queues, agents)
    if svg is not None:
        title = scenario.name or words("Callers answered", "已接通的来电")
        try:
            svg.write_text(svg_chart(queues, title), encoding="utf-8")
        except OSError as error:
            raise failed(f"{svg}: {error.strerror}") from None


def _of_options(given: Mapping[str, str]) -> Scenario:
    whole: dict[str, Any] = {"queues": [{}], "agents": [{}]}
    for name, value in given.items():
        *path, last = name.split(".")
        holder: Any = whole
        for part in path:
            holder = holder[int(part)] if isinstance(holder, list) else holder.setdefault(part, {})
        holder[last] = value
    try:
        return Scenario.model_validate(whole)
    except ValidationError as error:
        fields = fields_of(error)
        raise InvalidInputError(fields={_OPTION_OF.get(name, name): said for name, said in fields.items()}) from None


def _of_file(source: Path, given: Mapping[str, str]) -> Scenario:
    beside = [_OPTION_OF[name] for name in given if name not in _ANYWAY]
    if beside:
        said = {"en": "Give either a file or this option.", "zh": "文件与此选项只能二选一。"}
        raise InvalidInputError(fields=dict.fromkeys(beside, said))
    try:
        with source.open("rb") as opened:
            document = file.read(opened.read(file.LARGEST_FILE + 1))
    except OSError as error:
        raise failed(f"{source}: {error.strerror}") from None
    if isinstance(document.value, dict):
        document.value.update(given)
    try:
        return Scenario.model_validate(document.value)
    except ValidationError as error:
        raise InvalidInputError(fields=document.with_lines(fields_of(error))) from None


# -- what is shown -------------------------------------------------------------------------------------


def _show(scenario: Scenario, queues: Sequence[QueueForecast], agents: Sequence[AgentForecast]) -> None:
    console = Console(highlight=False)
    if scenario.name:
        console.print(Text(scenario.name, style="bold"))
    arrived = sum(queue.arrived for queue in queues)
    console.print(
        words(
            f"{scenario.hours:g} hours, {arrived:,} calls, seed {scenario.seed}",
            f"{scenario.hours:g} 小时，{arrived:,} 通来电，随机种子 {scenario.seed}",
        )
    )
    console.print(_callers(queues))
    for queue in queues:
        console.print(Text(_service_level(queue)), soft_wrap=True)
        if queue.theory and queue.theory.state is None:
            console.print(Text(_overload(queue), style="bold red"), soft_wrap=True)
    console.print(_agents(queues, agents))
    console.print(terminal_chart(queues))


def _callers(queues: Sequence[QueueForecast]) -> Table:
    table = _table(
        words("Queue", "队列"),
        words("calls", "来电"),
        words("service level", "服务水平"),
        words("mean wait", "平均等待"),
        words("95 % wait at most", "95% 等待不超过"),
        words("gave up", "放弃"),
    )
    for queue in queues:
        table.add_row(
            queue.queue_id,
            f"{queue.arrived:,}",
            f"{queue.service_level:.1%}",
            _seconds(queue.mean_wait_seconds),
            _seconds(queue.p95_wait_seconds),
            f"{queue.gave_up:,} ({queue.gave_up / max(1, queue.arrived):.1%})",
        )
        if queue.theory and queue.theory.state:
            table.add_row(
                queue.theory.name,
                "",
                f"{queue.theory.answered_within(queue.target_seconds):.1%}",
                _seconds(queue.theory.mean_wait_seconds),
                "",
                f"{queue.theory.state.gave_up:.1%}",
                style="dim",
            )
    return table


def _service_level(queue: QueueForecast) -> str:
    rings, seconds = queue.target_rings, f"{queue.target_seconds:g}"
    figures = f"{queue.in_time:,} ÷ {queue.arrived:,} = {queue.service_level:.1%}"
    return words(
        f"{queue.queue_id}: service level = answered within {rings} rings ({seconds} s) ÷ all calls = {figures}",
        f"{queue.queue_id}：服务水平 = {rings} 声（{seconds} 秒）内接通 ÷ 全部来电 = {figures}",
    )


def _overload(queue: QueueForecast) -> str:
    return words(
        f"{queue.queue_id}: more work comes in than the agents can do, and nobody gives up: the line grows without "
        "end, and the figures say only how long it was simulated.",
        f"{queue.queue_id}：来电工作量超出座席的处理能力，且无人放弃，队列将无限增长；以上数字只反映模拟时长。",
    )


def _agents(queues: Sequence[QueueForecast], agents: Sequence[AgentForecast]) -> Table:
    table = _table(
        words("Agents of", "座席所属队列"),
        words("agents", "人数"),
        words("calls each", "人均接听"),
        words("least to most", "最少至最多"),
        words("occupancy", "占用率"),
    )
    for kind in agents:
        table.add_row(
            ", ".join(kind.queues[:5]) + (" …" if len(kind.queues) > 5 else ""),
            f"{kind.count:,}",
            f"{kind.mean_calls:,.1f}",
            f"{kind.least_calls:,} – {kind.most_calls:,}",
            f"{kind.occupancy:.1%}",
        )
    only = queues[0].theory if len(queues) == 1 else None
    if only and only.state:
        table.add_row(only.name, "", "", "", f"{only.state.occupancy:.1%}", style="dim")
    table.caption = words(
        "Waits are those of all callers, until the answer or until they gave up. Occupancy counts the ringing.",
        "等待时间包括全部来电者，至接通或放弃为止；占用率包含振铃时间。",
    )
    table.caption_justify = "left"
    return table


def _table(first: str, *others: str) -> Table:
    table = Table(box=SIMPLE_HEAD, pad_edge=False)
    table.add_column(first)
    for heading in others:
        table.add_column(heading, justify="right")
    return table


def _seconds(seconds: float) -> str:
    return words(f"{seconds:,.1f} s", f"{seconds:,.1f} 秒")
