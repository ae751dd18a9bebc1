"""The entry point: finds the verb, and turns errors and signals into lines and exit codes."""

from __future__ import annotations

import signal
import sys
from types import FrameType

import click

from b2ct import __version__
from b2ct.cli import completion
from b2ct.cli.lazy import LazyGroup, Verbs
from b2ct.core import console
from b2ct.core.errors import EXIT_INTERRUPTED, B2ctError

VERBS: Verbs = {
    "next": ("next", "following", "Say what is done, what comes next, and with which command."),
    "init": ("site", "init", "Write a commented site.yaml to start from."),
    "check": ("site", "check", "Say all that is wrong with a site.yaml."),
    "schema": ("site", "schema", "Print the JSON Schema of site.yaml."),
    "kickstart": ("kickstart", "kickstart", "Render the kickstart of a role or a node."),
    "iso": ("iso", "iso", "Make an installer ISO that installs by itself."),
    "usb": ("usb", "usb", "Make, write, prove and restore USB keys."),
    "boot": ("boot", "boot", "Boot an image in QEMU and prove which kickstart it finds."),
    "plan": ("plan", "plan", "Say what `b2ct apply` would do to the cloud."),
    "apply": ("plan", "apply", "Make the cloud what site.yaml says."),
    "image": ("image", "image", "Build, prove and try worker images."),
    "register-image": (
        "register_image",
        "register_image",
        "Make an image file something that VMs start from.",
    ),
    "instantiate": ("instantiate", "instantiate", "Start VMs from a VM template."),
    "template": ("template", "template", "Write image and VM templates as files."),
    "context": ("context", "context", "Show what the VMs of a site are told when they start."),
    "dirac": ("dirac", "dirac", "Attach the site to a DIRAC server, and test that."),
    "gateway": ("gateway", "gateway", "Let a DIRAC server without our driver fill the cloud."),
    "validate": ("validate", "validate", "Prove that the site works, node by node and as a whole."),
    "status": ("status", "status", "Show hosts, VMs, images and datastores, and what is wrong."),
    "drain": ("drain", "drain", "Take a hypervisor out of service."),
    "reap": ("reap", "reap", "Terminate the unused VMs of DIRAC's user."),
    "squid": ("squid", "squid", "Check the squids through which VMs get their software."),
    "self": ("self", "itself", "Bring this B2CT to the control node."),
    "practice": (
        "practice",
        "practice",
        "Build a practice installer, packages, or a whole practice site.",
    ),
    "doctor": ("doctor", "doctor", "Say which host tools are missing and how to install them."),
    "completion": ("completion", "completion", "Print the script that completes b2ct at Tab."),
}
STAGES = {
    "next": "Describe the site",
    "kickstart": "Install the machines",
    "plan": "Build the cloud",
    "dirac": "Bring in jobs",
    "validate": "Look after it",
    "practice": "Rehearse",
    "doctor": "This computer",
}
"""A newcomer's path: the section of `--help` that begins with a verb."""


def _say_version(ctx: click.Context, _: click.Parameter, asked: bool) -> None:
    """Version and commit, then the end."""
    if asked and not ctx.resilient_parsing:
        from b2ct.core import commit

        click.echo(f"b2ct, version {__version__} ({commit.told()})")
        ctx.exit()


@click.group(
    cls=LazyGroup,
    verbs=VERBS,
    stages=STAGES,
    context_settings={"help_option_names": ["-h", "--help"]},
)
@click.option(
    "--version", is_flag=True, is_eager=True, expose_value=False, callback=_say_version,
    help="Say version and commit, and exit.",
)  # fmt: skip
def b2ct() -> None:
    """From one site.yaml to a working OpenNebula cloud that DIRAC fills with jobs.

    \b
    Examples:
      b2ct init                                   start a site.yaml
      b2ct check                                  find every mistake in it
      b2ct iso --role hypervisor -o hv.iso        make an installer that needs no one beside it
      b2ct boot hv.iso --all                      prove that it boots, before you drive there
      b2ct image build el9-worker                 what the VMs are made from
      b2ct plan                                   what `b2ct apply` would do to the cloud
      b2ct register-image el9-worker.qcow2        so that VMs can start
      b2ct dirac config                           what the DIRAC server needs
      b2ct validate                               is the site in order? what mends it?

    Exit codes: 0 done; 1 it ran and the verdict is no; 2 refused, nothing was written;
    130 interrupted.
    """


def _terminate(_signal: int, _frame: FrameType | None) -> None:
    """SIGTERM unwinds like Ctrl-C, so that temporary files go away."""
    raise KeyboardInterrupt


def main() -> None:
    """Run the verb; print errors as lines, never as a traceback."""
    signal.signal(signal.SIGTERM, _terminate)
    if completion.asked():
        completion.silence()
    with console.plain_output():
        code = _code()
    sys.exit(code if isinstance(code, int) else 0)


def _code() -> object:
    """What the verb ends with."""
    try:
        code = b2ct.main(standalone_mode=False, complete_var=completion.VARIABLE)
    except B2ctError as err:
        for line in err.lines():
            # What others say may have several lines: none of them begins as ours do.
            click.echo(f"b2ct: {line}".replace("\n", "\n      "), err=True)
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
    return code


if __name__ == "__main__":
    main()
