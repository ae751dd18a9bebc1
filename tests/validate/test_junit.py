from __future__ import annotations

import re
from xml.etree import ElementTree as Xml

from hypothesis import given
from hypothesis import strategies as st

from b2ct.validate import junit
from b2ct.validate.results import About, NodeReport, Outcome, Report, Result

ABOUT = (About("a", "g", "it is", "it matters", "error"), About("w", "g", "p", "y", "warning"))
RESULTS = (
    Result("a", Outcome.PASSED, seconds=0.25),
    Result("a", Outcome.FAILED, "it is <not> & never", "mend it", 0.5, ("$ ls\nno",)),
    Result("w", Outcome.FAILED, "soon"),
    Result("a", Outcome.NOT_RUN, "broke"),
    Result("a", Outcome.SKIPPED, "has none"),
)


def report(results: tuple[Result, ...] = RESULTS, site: str = "testing") -> Report:
    return Report(
        site=site, started="2026-01-02T03:04:05Z", seconds=3.5, version="1", checks=ABOUT,
        nodes=(NodeReport("hv1", "hypervisor", "10.0.0.2", results),),
        site_wide=(Result("a", Outcome.PASSED),),
    )  # fmt: skip


# Attributes and children by the schema that Jenkins' xunit plugin brings (junit-10.xsd).
ALLOWED = {
    "testsuites": ({"name", "time", "tests", "failures", "errors", "skipped"}, {"testsuite"}),
    "testsuite": (
        {"name", "tests", "failures", "errors", "skipped", "time", "timestamp", "hostname"},
        {"testcase"},
    ),
    "testcase": ({"name", "classname", "time"}, {"failure", "error", "skipped"}),
    "failure": ({"message", "type"}, set[str]()),
    "error": ({"message", "type"}, set[str]()),
    "skipped": ({"message"}, set[str]()),
}


def check_schema(root: Xml.Element) -> None:
    for element in root.iter():
        attributes, children = ALLOWED[element.tag]
        assert set(element.attrib) <= attributes
        assert {child.tag for child in element} <= children
        if "time" in element.attrib:
            assert re.fullmatch(r"\d+\.\d{3}", element.attrib["time"])
        if "timestamp" in element.attrib:
            assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d", element.attrib["timestamp"])
        for name, tags in (
            ("tests", ["testcase"]), ("failures", ["failure"]), ("errors", ["error"]),
            ("skipped", ["skipped"]),
        ):  # fmt: skip
            if name in element.attrib:
                count = sum(one.tag in tags for one in element.iter())
                # On a <testcase> there is no such attribute; on the others it counts.
                assert int(element.attrib[name]) == count


def test_what_ci_systems_read() -> None:
    root = Xml.fromstring(junit.text(report()))
    check_schema(root)
    assert root.tag == "testsuites"
    hv1, site = root
    assert (hv1.attrib["name"], hv1.attrib["hostname"]) == ("hv1", "10.0.0.2")
    assert site.attrib["name"] == "the site"
    passed, failed, warned, broken, skipped = hv1
    assert (passed.attrib, len(passed)) == (
        {"classname": "testing.hv1", "name": "a", "time": "0.250"}, 0,
    )  # fmt: skip
    assert failed[0].attrib == {"message": "it is <not> & never", "type": "error"}
    assert failed[0].text == (
        "it is <not> & never\nproves: it is\nwhy: it matters\nremedy: mend it\n$ ls\nno"
    )
    assert warned[0].attrib["type"] == "warning"
    assert (broken[0].tag, skipped[0].tag) == ("error", "skipped")


@given(st.text(), st.text())
def test_whatever_a_node_says_it_is_xml(message: str, evidence: str) -> None:
    results = (Result("a", Outcome.FAILED, message, evidence, 0.0, (evidence,)),)
    root = Xml.fromstring(junit.text(report(results, site=message)).encode("utf-8", "replace"))
    check_schema(root)
