"""Practice packages: signed repositories of synthetic packages, to rehearse a build offline.

What is synthetic: everything. The CVMFS client has the files of the real one and mounts nothing;
the EL base system is this host's small programs under the names of EL's packages, and its
kernel is no kernel. What is real: the formats, the signatures, the dependencies, the scriptlets,
and so all that apt, dpkg, dnf and rpm do with them.
"""

from .builder import Practice, build

__all__ = ["Practice", "build"]
