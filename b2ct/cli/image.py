"""`b2ct image`: the group of verbs about worker images."""

from __future__ import annotations

import click

from b2ct.cli.lazy import LazyGroup, Verbs

VERBS: Verbs = {
    "list": ("image_definitions", "list_definitions", "Show the definitions there are."),
    "show": ("image_definitions", "show", "Print a definition with all that it extends."),
    "check": ("image_definitions", "check", "Say all that is wrong with a definition."),
    "schema": ("image_definitions", "schema", "Print the JSON Schema of a definition."),
    "build": ("image_build", "build", "Build a QCOW2 image from a definition."),
    "test": ("image_test", "try_image", "Boot an image with a context, log in, and look."),
    "verify": ("image_verify", "verify", "Check an image against its manifest and signature."),
    "sign": ("image_verify", "sign", "Sign an image's manifest with an SSH key."),
    "cache": ("image_cache", "cache", "Show or empty the cache of layers."),
    "versions": ("image_versions", "versions", "List an image's versions in OpenNebula."),
    "rollback": ("image_versions", "rollback", "Let new VMs start from another version."),
}
STAGES = {"list": "Choose a definition", "build": "Build and prove", "versions": "In OpenNebula"}


@click.group(cls=LazyGroup, verbs=VERBS, stages=STAGES)
def image() -> None:
    """Build, prove and try worker images.

    \b
    Examples:
      b2ct image list                             the definitions there are
      b2ct image build debian-12-worker           debian-12-worker.qcow2, with its manifest
      b2ct image verify debian-12-worker.qcow2    is it what was built, and who signed it?
      b2ct image test debian-12-worker.qcow2      boot it as OpenNebula would, and look
      b2ct image versions debian-12-worker        what OpenNebula has of it
    """
