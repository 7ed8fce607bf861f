"""A kind of check that is written in Python: the files that wait in a folder, such as mails of an outbox."""

import dataclasses
import pathlib
from typing import Annotated

import selx

HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Config:
    folder: Annotated[pathlib.Path, "The folder, an absolute path."]
    pattern: Annotated[str, "Which files wait, as a pattern of names."] = "*"


@dataclasses.dataclass
class Facts:
    waiting: int
    oldest: float
    """Seconds; 0 if none waits. Negative if it is dated in the future."""


class Backlog(selx.CheckKind[Config, Facts]):
    """files that wait in a folder"""

    kind = "backlog"
    area = "queue"
    readme = (HERE / "README.md").read_text()
    sample = (HERE / "sample.toml").read_text()
    measures = {
        "waiting": selx.MeasureDoc("count", "files that wait", "Look whether who takes them is at work."),
        "oldest": selx.MeasureDoc("seconds", "age of the file that waits longest", "Look what it waits for.", "oldest file"),
    }
    codes = {"in-future": selx.Code("A file is dated in the future.", "Look at the clocks of both machines.")}
    limits = {"waiting": {"warning": 100, "critical": 1000}, "oldest": {"warning": "1h", "critical": "1d"}}
    Config = Config
    Facts = Facts

    def probe(self, cx):
        now = cx.now.timestamp()
        ages = [now - path.stat().st_mtime for path in self.config.folder.iterdir() if path.match(self.config.pattern)]
        return Facts(len(ages), max(ages, default=0.0))

    def judge(self, facts, judging):
        found = []
        if facts.oldest < -60:
            found.append(selx.Finding("warning", "in-future", "oldest file", "is dated in the future"))
        return selx.Judgement("none waits" if facts.waiting == 0 else f"{facts.waiting} wait", found)

    def measure(self, facts, judging):
        yield selx.Measure("waiting", facts.waiting, "count")
        yield selx.Measure("oldest", max(facts.oldest, 0), "seconds")


registry = selx.Registry()
registry.register(Backlog)
