"""Where the services are. Passwords are read from files, so that no environment and no argument holds one."""

import os
from pathlib import Path
from urllib.parse import quote

import psycopg2


def password(variable):
    return Path(os.environ[variable]).read_text().strip()


def database(timeout=3):
    """Connects to the database."""
    return psycopg2.connect(
        host=os.environ["POSTGRES_HOST"],
        user=os.environ["POSTGRES_USER"],
        dbname=os.environ["POSTGRES_DB"],
        password=password("POSTGRES_PASSWORD_FILE"),
        connect_timeout=timeout,
        options=f"-c statement_timeout={timeout}s",
    )


def redis_url(number):
    return f"redis://:{quote(password('REDIS_PASSWORD_FILE'), safe='')}@{os.environ['REDIS_HOST']}:6379/{number}"
