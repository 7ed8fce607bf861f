"""Times an API: `python api_timer.py https://shop.example.org /health /api/orders`.

Each answer has five seconds; one that is slower than a second is a warning. What hangs, is refused or answers an error is
critical, and the exit code says it.
"""

import sys

import selx


def main(base, *paths):
    slow = {"total": {"warning": "1s", "critical": "3s"}}
    checks = [selx.Check("http", url=base + path, timeout=5, limits=slow) for path in paths or ("/",)]
    results = selx.check_many(checks)
    for result, check in zip(results, checks):
        took = next((measure.value for measure in result.measures if measure.name == "total"), None)
        shown = "  -   " if took is None else f"{1000 * took:4.0f} ms"
        print(f"{result.status:8} {shown}  {check.settings['url']}  {result.headline}")
    return 0 if all(results) else 2


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
