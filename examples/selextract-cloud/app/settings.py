"""Where the services are. Passwords are read from files, so that no environment and no argument holds one."""

import os
from pathlib import Path
from urllib.parse import quote

import pg8000.dbapi


def password(variable):
    return Path(os.environ[variable]).read_text().strip()


def database(timeout=3):
    """Connects to the database."""
    return pg8000.dbapi.connect(
        host=os.environ["POSTGRES_HOST"],
        user=os.environ["POSTGRES_USER"],
        database=os.environ["POSTGRES_DB"],
        password=password("POSTGRES_PASSWORD_FILE"),
        timeout=timeout,
    )


def redis_url(number):
    return f"redis://:{quote(password('REDIS_PASSWORD_FILE'), safe='')}@{os.environ['REDIS_HOST']}:6379/{number}"
