"""Results and reports as values: they compare, pickle, print, and become tables."""

import copy
import datetime
import html.parser
import pickle
import sys
import time

import pytest

import selx

FILE = """\
[history]
enabled = false

[check.host-memory.here]

[check.host-disk.full]
limits = { used = { warning = "0.0000001%", critical = "0.0000002%" } }
with = { paths = ["/"] }

[check.command.odd]
with = { program = "/bin/echo", args = ["OK <b>&$x$ evil"] }

[check.tls-certificate.nobody]
timeout = "2s"
with = { endpoints = ["127.0.0.1:1"] }
"""


@pytest.fixture(scope="module")
def report(tmp_path_factory):
    path = tmp_path_factory.mktemp("values") / "selx.toml"
    path.write_text(FILE)
    path.chmod(0o600)
    return selx.run("host-memory", "host-disk", "command", "tls-certificate", config=path)


def values(report):
    yield report
    for result in report:
        yield result
        yield from result.findings
        yield from result.measures
        yield from result.attempts
        yield from result.faults
        if result.failure:
            yield result.failure
    yield from selx.kinds()


def test_equal_values_are_equal(report):
    assert report.results == report.results
    assert len({*report.results, *report.results}) == 4
    for value in values(report):
        assert value != 3 and value is not None
    assert report["host-disk.full"] != report["host-memory.here"]
    # A later look at the same is another result.
    assert selx.check("host-memory") != selx.check("host-memory")


@pytest.mark.parametrize("protocol", range(2, pickle.HIGHEST_PROTOCOL + 1))
def test_pickles_are_what_they_were(report, protocol):
    seen = set()
    for value in values(report):
        again = pickle.loads(pickle.dumps(value, protocol))
        assert again == value and repr(again) == repr(value) and hash(again) == hash(value)
        seen.add(type(value).__name__)
    assert {"Report", "Result", "Finding", "Measure", "Kind"} <= seen
    assert copy.deepcopy(report) == report


def test_a_pickle_that_is_none():
    with pytest.raises(selx.SelxError, match="no pickle"):
        selx._selx._restore("Result", "{}")
    with pytest.raises(selx.SelxError, match="no class"):
        selx._selx._restore("os.system", "{}")
    with pytest.raises(selx.SelxError, match="no pickle"):
        selx._selx._restore("Kind", '"host-disk"')


def test_truth_is_ok_and_nothing_else(report):
    assert not report and not report["host-disk.full"] and not report["tls-certificate.nobody"]
    for result in report:
        assert bool(result) is result.ok is (result.status == "ok")


def test_a_report_is_a_sequence_with_names(report):
    assert len(report) == 4
    assert [result.name for result in report] == ["here", "full", "odd", "nobody"]
    assert report[0] == report["host-memory.here"] == report[-4]
    with pytest.raises(IndexError, match="4 results"):
        report[4]
    with pytest.raises(KeyError, match="host-disk.ful.*host-disk.full"):
        report["host-disk.ful"]
    with pytest.raises(TypeError):
        report[1.5]


def test_what_a_report_says_of_itself(report):
    assert sum(report.counts.values()) == 4
    assert report.routine is None and report.host and report.run
    now = datetime.datetime.now(datetime.timezone.utc)
    assert now - datetime.timedelta(minutes=10) < report.started <= now
    assert report.started.tzinfo is datetime.timezone.utc
    first = report[0]
    assert report.started <= first.started <= now
    assert first.started.isoformat()[:19] == first.to_dict()["started"][:19]
    refused = report["tls-certificate.nobody"]
    assert refused.findings or refused.failure or refused.faults


def test_rows_are_flat_and_alike(report):
    for of in ("results", "findings", "measures"):
        rows = report.rows(of)
        assert rows
        assert len({tuple(row) for row in rows}) == 1
        assert list(rows[0])[:2] == ["kind", "name"]
    assert len(report.rows()) == 4
    assert {row["severity"] for row in report.rows("findings")} >= {"critical"}
    with pytest.raises(selx.UsageError, match="result.*results"):
        report.rows("result")


def test_data_frames(report):
    frame = report.to_pandas("measures")
    assert list(frame["value"]) == [measure.value for result in report for measure in result.measures]
    assert str(report.to_pandas()["started"].dtype).endswith("UTC]")
    frame = report.to_polars()
    assert frame["status"].to_list() == [result.status for result in report]


def test_a_library_that_is_not_there(report, monkeypatch):
    monkeypatch.setitem(sys.modules, "polars", None)
    with pytest.raises(ImportError, match="pip install polars"):
        report.to_polars()


class Tags(html.parser.HTMLParser):
    """Holds every tag to its end, and keeps the text."""

    def __init__(self):
        super().__init__()
        self.open, self.text, self.rows = [], [], 0

    def handle_starttag(self, tag, attrs):
        self.open.append(tag)
        self.rows += tag == "tr"

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        self.text.append(data)


def read(text):
    tags = Tags()
    tags.feed(text)
    assert tags.open == []
    return tags, "".join(tags.text)


def test_the_table_of_a_notebook(report):
    tags, text = read(report._repr_html_())
    assert tags.rows == 5
    assert text.index("host-disk.full") < text.index("host-memory.here"), "the worst comes first"
    assert "OK <b>&$x$ evil" in text and "b" not in tags.open
    assert "$" not in report._repr_html_() and "mathjax_ignore" in report._repr_html_()
    tags, text = read(report["host-disk.full"]._repr_html_())
    assert tags.rows == 2 and "✗ critical" in text and "→" in text


def test_a_table_of_very_many(report):
    document = report.to_json()
    import json

    whole = json.loads(document)
    whole["entries"] = whole["entries"] * 3000
    many = selx._selx._restore("Report", json.dumps(whole))
    began = time.perf_counter()
    text = many._repr_html_()
    took = time.perf_counter() - began
    print(f"a table of 10,000 of 12,000 results: {1000 * took:.0f} ms, {len(text) / 1e6:.1f} MB")
    tags, text = read(text)
    assert tags.rows == 10_002
    assert "and 2000 more" in text
