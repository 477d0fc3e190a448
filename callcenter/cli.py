"""The `callcenter` command: run the service, run the node, migrate the database, find out what is wrong,
simulate, carry what is set to and fro as a file.
"""

import asyncio
from pathlib import Path
from typing import Annotated

import typer
import uvloop
from pydantic import ValidationError

from callcenter.settings import Settings

app = typer.Typer(
    help="A hotline on Asterisk. Settings: environment variables CALLCENTER_…, see callcenter/settings.py.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
configuration = typer.Typer(help="All that is set on the pages, as a YAML file.", no_args_is_help=True)
app.add_typer(configuration, name="configuration")


def read_settings() -> Settings:
    """The settings of this process; ends the command with one line a value that cannot be."""
    try:
        return Settings()
    except ValidationError as error:
        for wrong in error.errors():
            name = "_".join(str(part) for part in wrong["loc"]).upper()
            typer.echo(f"error: CALLCENTER_{name}: {wrong['msg']}", err=True)
        raise typer.Exit(2) from None


@app.command()
def serve() -> None:
    """Run the service: routing, call log, web. Any number of them may run at once."""
    from callcenter import logs
    from callcenter.hotline import serve as serve_hotline

    logs.set_up()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve_hotline(read_settings()))


@app.command()
def node() -> None:
    """Run the host of the call's steps (FastAGI) beside one Asterisk."""
    from callcenter import logs
    from callcenter.asterisk.agi_host import run_node

    logs.set_up()
    run_node(read_settings())


@app.command()
def migrate(
    revision: Annotated[str, typer.Argument(help="The revision to stop at; the newest if not given.")] = "head",
) -> None:
    """Bring the database's schema to this release's. Others may do it at the same time."""
    from callcenter.db.migrate import migrate_now

    migrate_now(read_settings().database_url, revision)
    typer.echo("the database is up to date")


@app.command()
def doctor() -> None:
    """Check every part and say what is wrong and what to do. Exit status 1 when something is."""
    from callcenter.doctor import examine, show

    findings = asyncio.run(examine(read_settings()))
    show(findings)
    if any(finding.wrong for finding in findings):
        raise typer.Exit(1)


@app.command("simulate")
def simulate_scenario(
    scenario: Annotated[
        Path | None, typer.Argument(metavar="FILE", help="A scenario of several queues and kinds of agents (YAML).")
    ] = None,
    *,
    calls_an_hour: Annotated[str | None, typer.Option(metavar="MEAN", help="How many callers come.")] = None,
    handle_seconds: Annotated[str | None, typer.Option(metavar="MEAN", help="What a call takes, with wrap-up.")] = None,
    handle_times: Annotated[
        str | None, typer.Option(metavar="SHAPE", help="exponential, or lognormal; exponential if not given.")
    ] = None,
    patience_seconds: Annotated[
        str | None, typer.Option(metavar="MEAN", help="After how long callers give up; never, if not given.")
    ] = None,
    agents: Annotated[str | None, typer.Option(metavar="NUMBER", help="How many answer.")] = None,
    answer_rings: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="At which ring agents answer; 0: at once. 1 if not given.")
    ] = None,
    target_rings: Annotated[
        str | None, typer.Option(metavar="NUMBER", help="Callers answered within so many rings; 3 if not given.")
    ] = None,
    hours: Annotated[str | None, typer.Option(metavar="NUMBER", help="How long to simulate; 100 if not given.")] = None,
    seed: Annotated[str | None, typer.Option(metavar="NUMBER", help="Another number, other callers.")] = None,
    svg: Annotated[Path | None, typer.Option(metavar="FILE", help="Write a chart for a document.")] = None,
) -> None:
    """See what would become of callers with so many agents: waits, service level, occupancy; beside it Erlang C or A.

    For example: callcenter simulate --calls-an-hour 120 --handle-seconds 180 --agents 8 --patience-seconds 120
    """
    from callcenter.routing.command import simulate_and_show

    options = {
        "queues.0.calls_an_hour": calls_an_hour,
        "queues.0.handle_seconds": handle_seconds,
        "queues.0.handle_times": handle_times,
        "queues.0.patience_seconds": patience_seconds,
        "queues.0.ring_target.rings": target_rings,
        "agents.0.count": agents,
        "answer_rings": answer_rings,
        "hours": hours,
        "seed": seed,
    }
    simulate_and_show(scenario, options, svg)


@configuration.command("export")
def export_configuration(
    target: Annotated[Path | None, typer.Argument(metavar="FILE", help="Where to; shown if not given.")] = None,
) -> None:
    """Write all that is set into a file that can be edited and brought in again."""
    from callcenter.configuration.command import export_file

    export_file(read_settings(), target)


@configuration.command("import")
def import_configuration(
    source: Annotated[Path, typer.Argument(metavar="FILE", help="A file of `export`, or a profile.")],
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Only show what would change.")] = False,
) -> None:
    """Put a file's configuration in place of what is set. Calls in progress go on; it takes effect at once."""
    from callcenter.configuration.command import import_file

    import_file(read_settings(), source, dry_run=dry_run)


@configuration.command("profile")
def configuration_profile(
    name: Annotated[str, typer.Argument(help="property_management, decoration, pharmacy_members …")],
) -> None:
    """Show a shipped profile: redirect it into a file, edit it, bring it in."""
    from callcenter.configuration.command import show_profile

    show_profile(name)


def main() -> None:
    """The console script's way in."""
    app(prog_name="callcenter")


if __name__ == "__main__":
    main()
