"""A kind of check that is written in Python: the files that wait in a folder, such as mails of an outbox."""

import dataclasses
import pathlib
import stat
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
    """Seconds; 0 if none waits."""
    newest: float
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
        if not self.config.folder.is_absolute():
            raise selx.ProbeError("config", f"`{self.config.folder}` is no absolute path", "write it from the root on")
        now, ages = cx.now.timestamp(), []
        for path in self.config.folder.iterdir():
            try:
                seen = path.stat()
            except FileNotFoundError:
                continue  # taken while we look, or a link that leads nowhere: it does not wait
            if stat.S_ISREG(seen.st_mode) and path.match(self.config.pattern):
                ages.append(now - seen.st_mtime)
        return Facts(len(ages), max(ages, default=0.0), min(ages, default=0.0))

    def judge(self, facts, judging):
        found = []
        if facts.newest < -60:
            found.append(selx.Finding("warning", "in-future", "newest file", "is dated in the future"))
        return selx.Judgement("none waits" if facts.waiting == 0 else f"{facts.waiting} wait", found)

    def measure(self, facts, judging):
        yield selx.Measure("waiting", facts.waiting, "count")
        yield selx.Measure("oldest", max(facts.oldest, 0), "seconds")


registry = selx.Registry()
registry.register(Backlog)
