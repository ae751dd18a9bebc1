"""The packages of an image as a CycloneDX 1.6 bill of materials, by cyclonedx-python-lib.

Package URLs after the purl specification (types deb and rpm). Serial number and time come from the
image and its SOURCE_DATE_EPOCH: the same image has the same bill, byte for byte.
"""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import TYPE_CHECKING

import b2ct

if TYPE_CHECKING:
    from cyclonedx.model.component import Component
    from packageurl import PackageURL

    from b2ct.papers.about import About, Package

_NAMESPACE = uuid.UUID("8f0c1a52-6a0e-5d0b-9a55-b2c700000002")
_PURL = {"apt": "deb", "rpm": "rpm"}


def render(about: About) -> str:
    """The bill as JSON."""
    from cyclonedx.model import HashAlgorithm, HashType
    from cyclonedx.model.bom import Bom, BomMetaData
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.tool import ToolRepository
    from cyclonedx.output.json import JsonV1Dot6

    image = Component(
        name=about.name,
        type=ComponentType.OPERATING_SYSTEM,
        version=about.release,
        description=about.title,
        bom_ref="image",
        hashes=[HashType(alg=HashAlgorithm.SHA_256, content=about.sha256)],
    )
    tool = Component(
        name="b2ct", type=ComponentType.APPLICATION, version=b2ct.__version__, bom_ref="b2ct"
    )
    packages = {component.bom_ref.value: component for component in _components(about)}
    bom = Bom(
        components=packages.values(),
        serial_number=uuid.uuid5(_NAMESPACE, f"{about.sha256} {b2ct.__version__}"),
        metadata=BomMetaData(
            component=image,
            tools=ToolRepository(components=[tool]),
            timestamp=datetime.fromtimestamp(about.epoch, UTC),
        ),
    )
    bom.register_dependency(image, packages.values())
    return JsonV1Dot6(bom).output_as_string(indent=2) + "\n"


def _components(about: About) -> list[Component]:
    from cyclonedx.model.component import Component, ComponentType
    from cyclonedx.model.license import DisjunctiveLicense

    found = []
    for package in about.packages:
        purl = purl_of(package, about)
        found.append(
            Component(
                name=package.name,
                type=ComponentType.LIBRARY,
                version=package.version,
                purl=purl,
                bom_ref=str(purl),
                # As the package says it; few say it in SPDX' terms.
                licenses=[DisjunctiveLicense(name=package.license)] if package.license else None,
            )
        )
    return found


def purl_of(package: Package, about: About) -> PackageURL:
    """The package's URL, such as pkg:deb/debian/bash@5.2.15-2?arch=amd64&distro=debian-12."""
    from packageurl import PackageURL

    kind = _PURL[about.packaging]
    version, qualifiers = package.version, {"distro": f"{about.distribution}-{about.release}"}
    epoch, colon, rest = version.partition(":")
    if kind == "rpm" and colon:
        version, qualifiers["epoch"] = rest, epoch
    if package.architecture:
        qualifiers["arch"] = package.architecture
    if package.source:
        qualifiers["upstream"] = package.source
    return PackageURL(kind, about.distribution, package.name, version, qualifiers)
