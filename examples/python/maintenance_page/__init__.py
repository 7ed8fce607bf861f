"""An action that is written in Python: it puts a page in the place of a product while work is done on it."""

import dataclasses
import os
import pathlib
from typing import Annotated

import selx

HERE = pathlib.Path(__file__).parent


@dataclasses.dataclass
class Config:
    page: Annotated[pathlib.Path, "The file that the web server shows while it is there, an absolute path."]
    text: Annotated[str, "What stands in it."]


class MaintenancePage(selx.ActionKind[Config]):
    """shows a page in the place of a product"""

    kind = "maintenance-page"
    area = "http"
    readme = (HERE / "README.md").read_text()
    sample = (HERE / "sample.toml").read_text()
    codes = {"not-shown": selx.Code("The page is not there.", "Look who else writes to its folder.")}
    Config = Config

    def resources(self):
        # Two runs on the same folder never meet.
        return [f"files:{self.config.page.parent}"]

    def places(self):
        return [self.config.page.parent]

    def plan(self, cx):
        page = str(self.config.page)
        step = selx.Step(
            step={"page": page, "text": self.config.text},
            target=page,
            what=f"show the page {page}: {self.config.text}",
            risk="disruptive",
            undo=f"take {page} away",
        )
        seen = look(step.step)
        if seen.seen == "before":
            return [step]
        if seen.seen == "after":
            return []
        return selx.Steps(refused={seen.text: f"look at {page}, and move it away"})

    def apply(self, step, permit, cx):
        try:
            # Never over a file that somebody else has put there.
            with open(step["page"], "x") as file:
                file.write(step["text"])
                file.flush()
                os.fsync(file.fileno())
        except FileExistsError:
            return selx.Applied.already()
        return selx.Applied.changed("the page is shown")

    def probe(self, step, cx):
        return look(step)

    def undo(self, step, permit, cx):
        try:
            os.remove(step["page"])
        except FileNotFoundError:
            return selx.Applied.already()
        return selx.Applied.changed("the page was taken away")

    def verify(self, done, cx):
        missing = [step["page"] for step in done if not os.path.isfile(step["page"])]
        return [selx.Finding("critical", "not-shown", page, "is not there") for page in missing]


def look(step):
    """Asks the world how far a step is. After a crash this is asked, and nothing else."""
    try:
        with open(step["page"]) as file:
            same = file.read() == step["text"]
    except FileNotFoundError:
        return selx.Seen.before()
    return selx.Seen.after() if same else selx.Seen.partial("another text stands there, or a part of it")


registry = selx.Registry()
registry.register(MaintenancePage)
