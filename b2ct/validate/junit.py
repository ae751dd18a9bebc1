"""The report as JUnit XML, for CI systems.

There is no one standard: this keeps to what Jenkins' schema (junit-10.xsd), GitLab and pytest's
`xunit2` have in common. GitLab shows a test's `classname` as its suite, so the node stands there.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from xml.etree import ElementTree as Xml

from b2ct.validate.results import About, Outcome, Report, Result

_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
"""What XML 1.0 has no way to say."""
_NO_ABOUT = About("", "", "", "", "error")


def text(report: Report) -> str:
    """The XML document: a suite for each node, one for the site as a whole."""
    about = {one.name: one for one in report.checks}
    suites = [_suite(report, node.name, node.address, node.results, about) for node in report.nodes]
    if report.site_wide:
        suites.append(_suite(report, "the site", "", report.site_wide, about))
    root = Xml.Element("testsuites", name=_legal(f"b2ct validate {report.site}".strip()))
    _count(root, [result for _, result in report.results()], report.seconds)
    root.extend(suites)
    Xml.indent(root)
    body = Xml.tostring(root, encoding="unicode")
    return f'<?xml version="1.0" encoding="utf-8"?>\n{body}\n'


def _suite(
    report: Report, name: str, address: str, results: Iterable[Result], about: dict[str, About]
) -> Xml.Element:
    results = list(results)
    suite = Xml.Element("testsuite", name=_legal(name))
    _count(suite, results, sum(result.seconds for result in results))
    suite.set("timestamp", report.started.removesuffix("Z"))  # the schema knows no zones
    suite.set("hostname", _legal(address or name))
    for result in results:
        suite.append(_case(report, name, result, about.get(result.check, _NO_ABOUT)))
    return suite


def _case(report: Report, node: str, result: Result, about: About) -> Xml.Element:
    case = Xml.Element(
        "testcase",
        classname=_legal(f"{report.site or 'site'}.{node}"),
        name=_legal(result.check),
        time=f"{result.seconds:.3f}",
    )
    if result.outcome is Outcome.SKIPPED:
        Xml.SubElement(case, "skipped", message=_legal(result.message))
    elif result.outcome is not Outcome.PASSED:
        tag = "failure" if result.outcome is Outcome.FAILED else "error"
        bad = Xml.SubElement(case, tag, message=_legal(result.message), type=about.severity)
        bad.text = _legal(_explained(result, about))
    return case


def _explained(result: Result, about: About) -> str:
    parts = [result.message]
    parts += [f"proves: {about.proves}", f"why: {about.why}"] if about.proves else []
    parts += [f"remedy: {result.remedy}"] if result.remedy else []
    return "\n".join([*parts, *result.evidence])


def _count(element: Xml.Element, results: list[Result], seconds: float) -> None:
    def number(outcome: Outcome) -> str:
        return str(sum(result.outcome is outcome for result in results))

    element.set("tests", str(len(results)))
    element.set("failures", number(Outcome.FAILED))
    element.set("errors", number(Outcome.NOT_RUN))
    element.set("skipped", number(Outcome.SKIPPED))
    element.set("time", f"{seconds:.3f}")


def _legal(value: str) -> str:
    return _ILLEGAL.sub("?", value)
