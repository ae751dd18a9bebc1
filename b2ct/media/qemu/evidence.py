"""What a serial console proves: did a kernel come up, with which arguments, what did it find.

Pure: lines in, findings out. It knows the kernel's own messages, those of Anaconda's dracut modules
(`dracut/` in the Anaconda repository), and the report of the practice installer.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field

from b2ct.firmware.console import FAILURES, Failures, clean, failures, told

REPORT = "B2CT-PRACTICE "
_CMDLINE = re.compile(r"(?:Kernel command line|Command line): (.*)")
_FETCHED = re.compile(r"anaconda: (?:fetching|parsing) kickstart (?:from )?(\S+)")
_STARTED = re.compile(
    r"anaconda [\d.]\S{0,80} for .{0,200} started"
    r"|Starting installer, one moment|Welcome to .{0,200}anaconda"
)
_USERLAND = re.compile(r"\[  OK  \] |dracut-[a-z-]{1,64}\[\d+\]: |systemd\[1\]: ")
"""With `quiet` the kernel itself is silent; what it started is not."""
_FAILURES: Failures = (
    *FAILURES,
    *failures(
        (r"[Cc]an't get kickstart from (\S+)", "the installer found no kickstart"),
        (r"(?:Media|CD) check failed", "the media check failed"),
        (r"Entering emergency mode", "the installer's first stage gave up"),
        (r"no suitable images", "the installer found no stage 2"),
        (
            r"No DEFAULT or UI config|No configuration file found",
            "the boot loader found no configuration",
        ),
        (r"(?:Could not find kernel image|Loading \S+\.\.\.\s*failed): ?(.*)", "isolinux failed"),
    ),
)
_FATAL_EARLY = ("the boot loader failed", "isolinux failed")


def kickstart_argument(cmdline: str) -> str | None:
    """The last `inst.ks=` or `ks=` word of a kernel command line, None when it has none."""
    words = [word for word in cmdline.split() if re.match(r"(?:inst\.)?ks=", word)]
    return words[-1] if words else None


@dataclass
class Evidence:
    """Findings so far; `feed` adds a line. `decided` says that nothing more is to be expected."""

    lines: int = 0
    kernel: bool = False
    cmdline: str = ""
    report: dict[str, str] = field(default_factory=dict)
    fetched: str = ""
    started: bool = False
    failure: str = ""
    decided: bool = False

    def feed(self, raw: str) -> None:
        """Look at one line of the console."""
        line = clean(raw)
        self.lines += bool(line.strip())
        at = line.find(REPORT)
        if at >= 0:
            self._practice(line[at + len(REPORT) :].strip())
            return
        if "Linux version " in line:
            self.kernel = True
            # What boot loader or firmware tried before it came to this does not count.
            self.failure = ""
        if (found := _CMDLINE.search(line)) is not None:
            self.kernel, self.cmdline = True, found[1].strip()
        if _USERLAND.search(line):
            self.kernel = True
        if (found := _FETCHED.search(line)) is not None:
            self.fetched = found[1]
        if _STARTED.search(line):
            self.started = self.decided = True
        self._failures(line)

    def _failures(self, line: str) -> None:
        for meaning, detail in told(line, _FAILURES):
            self.failure = self.failure or meaning + (f": {detail}" if detail else "")
            # A boot loader's complaint may be followed by another try; the rest is the end.
            self.decided = self.decided or meaning not in _FATAL_EARLY

    def _practice(self, text: str) -> None:
        self.kernel = True
        key, _, value = text.partition("=")
        self.report[key] = value
        if key == "cmdline":
            self.cmdline = value
        if key == "error":
            self.failure = value
        self.decided = self.decided or text == "done"

    def kickstart(self) -> tuple[str, str] | None:
        """Path and SHA-256 of the kickstart that the practice installer read."""
        words = self.report.get("kickstart", "").split()
        sums = [word.removeprefix("sha256=") for word in words if word.startswith("sha256=")]
        return (words[0], sums[0]) if sums else None
