"""The entry point: finds the verb, and turns errors and signals into lines and exit codes."""

from __future__ import annotations

import importlib
import signal
import sys
from types import FrameType

import click

from b2ct import __version__
from b2ct.core.errors import EXIT_INTERRUPTED, B2ctError

# verb -> (module, short help). Kept here so that `b2ct --help` and a fast verb import nothing else.
VERBS: dict[str, tuple[str, str]] = {
    "init": ("b2ct.cli.site", "Write a commented site.yaml to start from."),
    "check": ("b2ct.cli.site", "Say all that is wrong with a site.yaml."),
    "schema": ("b2ct.cli.site", "Print the JSON Schema of site.yaml."),
    "kickstart": ("b2ct.cli.kickstart", "Render the kickstart of a role or a node."),
    "iso": ("b2ct.cli.iso", "Make an installer ISO that installs by itself."),
    "usb": ("b2ct.cli.usb", "Write, prove and restore USB sticks."),
    "boot": ("b2ct.cli.boot", "Boot an image in QEMU and prove which kickstart it finds."),
    "practice": ("b2ct.cli.practice", "Build a small practice installer ISO from this host."),
    "doctor": ("b2ct.cli.doctor", "Say which host tools are missing and how to install them."),
}


class Verbs(click.Group):
    """A click group that imports a verb's module only when the verb is used."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002
        """The verbs in the order in which a site is made."""
        return list(VERBS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import the module of the verb and take the command of that name from it."""
        if cmd_name not in VERBS:
            return None
        command = getattr(importlib.import_module(VERBS[cmd_name][0]), cmd_name)
        assert isinstance(command, click.Command)  # noqa: S101 - a defect of ours, not input
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002
        """List the verbs without importing them."""
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in VERBS.items()])


@click.group(cls=Verbs, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="b2ct")
def b2ct() -> None:
    """From one site.yaml to installer media for an OpenNebula site.

    \b
    Examples:
      b2ct init                                   start a site.yaml
      b2ct check                                  find every mistake in it
      b2ct iso --role hypervisor -o hv.iso        make an installer that needs no one beside it
      b2ct boot hv.iso --all                      prove that it boots, before you drive there

    Exit codes: 0 done; 1 it ran and the verdict is no; 2 refused, nothing was written;
    130 interrupted.
    """


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM unwinds like Ctrl-C, so that temporary files go away."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the verb; print errors as lines, never as a traceback."""
    signal.signal(signal.SIGTERM, _terminate)
    try:
        code = b2ct.main(standalone_mode=False)
    except B2ctError as err:
        for line in err.lines():
            click.echo(f"b2ct: {line}", err=True)
        code = err.exit_code
    except click.ClickException as err:
        err.show()
        code = err.exit_code
    except (KeyboardInterrupt, click.Abort):
        click.echo("b2ct: interrupted; nothing was left half done", err=True)
        code = EXIT_INTERRUPTED
    except BrokenPipeError:
        sys.stderr.close()
        code = 0
    sys.exit(code if isinstance(code, int) else 0)


if __name__ == "__main__":
    main()
