"""Times an API: `python api_timer.py https://shop.example.org /health /api/orders`.

Each answer has five seconds; one that is slower than a second is a warning. What hangs, is refused or answers an error is
critical. The exit code is that of the worst: 0 ok, 1 warning, 2 critical, 3 unknown, as for every plugin of Nagios.
"""

import sys

import selx


def main(base=None, *paths):
    if base is None:
        print(__doc__, file=sys.stderr)
        return 3
    slow = {"total": {"warning": "1s", "critical": "3s"}}
    checks = [selx.Check("http", url=base + path, timeout=5, limits=slow) for path in paths or ("/",)]
    try:
        results = selx.check_many(checks)
    except selx.ConfigError as error:
        print(error, file=sys.stderr)
        return 3
    for result, check in zip(results, checks):
        took = next((measure.value for measure in result.measures if measure.name == "total"), None)
        shown = "  -   " if took is None else f"{1000 * took:4.0f} ms"
        print(f"{result.status:8} {shown}  {check.settings['url']}  {result.headline}")
    codes = {result.exit_code for result in results}
    return next(code for code in (2, 3, 1, 0) if code in codes)


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
