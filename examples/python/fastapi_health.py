"""A health endpoint of FastAPI: `uvicorn fastapi_health:app`.

`GET /health` answers 200 while every check was looked at and none is critical, else 503; the body has the results. One look
serves all requests of two seconds: a health endpoint must not be a way to make the host work.
"""

import asyncio
import time

import selx
from fastapi import FastAPI
from fastapi.responses import JSONResponse

CHECKS = [
    selx.Check("host-disk", "disk", paths=["/"], timeout=2),
    selx.Check("host-memory", "memory", timeout=2),
]
FRESH = 2.0

app = FastAPI()
lock = asyncio.Lock()
last = None


async def look():
    """Returns the results of now, or those of a moment ago."""
    global last
    async with lock:
        if last is None or time.monotonic() - last[0] >= FRESH:
            results = await selx.check_many_async(CHECKS)
            last = (time.monotonic(), results)
        return last[1]


@app.get("/health")
async def health():
    results = await look()
    well = all(result.status in ("ok", "warning") for result in results)
    return JSONResponse([result.to_dict() for result in results], status_code=200 if well else 503)
