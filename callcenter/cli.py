"""The `callcenter` command: run the service, run the node, migrate the database, find out what is wrong, carry
what is set to and fro as a file.
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
