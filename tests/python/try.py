"""Tries the module with nothing but the wheel: every docstring's example, a page's examples, a kind and an action of its own."""

import doctest
import os
import pathlib
import re
import sys
import tempfile

import selx
import selx._bridge
import selx._config
import selx._kinds
import selx._worker
import selx.testing


class Marks(selx.ActionKind):
    """makes a file"""

    kind = "marks"

    def resources(self):
        return ["files:marks"]

    def plan(self, cx):
        step = selx.Step(step={}, target="mark", what="make mark", risk="safe", undo="remove it")
        return [] if os.path.exists("mark") else [step]

    def apply(self, step, permit, cx):
        open("mark", "x").close()
        return selx.Applied.changed("made")

    def probe(self, step, cx):
        return selx.Seen.after() if os.path.exists("mark") else selx.Seen.before()

    def undo(self, step, permit, cx):
        os.remove("mark")
        return selx.Applied.changed("gone")

    async def verify(self, done, cx):
        return []


def main(page):
    blocks = re.findall(r"^```python\n(.*?)^```", pathlib.Path(page).read_text(), re.MULTILINE | re.DOTALL)
    for block in blocks:
        exec(compile(block, page, "exec"), {})
    scope = {"selx": selx, "os": os, "pathlib": pathlib, "dataclasses": __import__("dataclasses")}
    tried = 0
    for name in ("selx", "selx._calls", "selx._kinds", "selx._registry", "selx.errors", "selx.testing"):
        options = doctest.ELLIPSIS | doctest.IGNORE_EXCEPTION_DETAIL
        failed, count = doctest.testmod(sys.modules[name], extraglobs=scope, optionflags=options)
        tried += count
        if failed:
            return 1
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        registry = selx.Registry()
        registry.register(Marks)
        plan = registry.plan(selx.Action("marks"), state=os.path.join(folder, "state"))
        report = plan.apply(plan.hash)
        assert report.ok and os.path.exists("mark"), str(report)
        os.chdir("/")
    version = ".".join(map(str, sys.version_info[:3]))
    print(f"Python {version}: {len(blocks)} examples of the page, {tried} of docstrings, an action")
    return 0 if blocks and tried > 10 else 1


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
