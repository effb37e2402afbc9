"""Does jobs of the kind `words`: puts a line behind a file that says how many words it has. Any number of these may run."""

import os
import socket
import time

import redis

QUEUE = "weft:jobs:queue:words"
GROUP = "workers"
LEASE_MS = int(os.environ.get("LEASE_MS", 30_000))  # longer than any job takes
WORK_MS = int(os.environ.get("WORK_MS", 0))  # to see what happens when it dies meanwhile

me = f"{socket.gethostname()}:{os.getpid()}"
db = redis.Redis.from_url(os.environ.get("REDIS_URL", "redis://127.0.0.1:6379"), decode_responses=True)


def answer(job, **said):
    db.xadd("weft:jobs:answers", {"job": job, **said})


def with_count(text):
    time.sleep(WORK_MS / 1000)
    return f"{text}\n{len(text.split())} words"


def work(entry, fields):
    job = db.hgetall(f"weft:jobs:job:{fields['job']}")
    if job.get("state") not in ("queued", "running"):  # canceled, or done by another
        db.xack(QUEUE, GROUP, entry)
        return
    answer(fields["job"], state="running")
    try:
        answer(fields["job"], state="done", text=with_count(job["input"]))
    except Exception as error:
        answer(fields["job"], state="failed", problem=repr(error))


def take():
    """The next one: first what somebody had taken who is silent since, then what is new."""
    left = db.xautoclaim(QUEUE, GROUP, me, LEASE_MS, count=1)[1]
    if left:
        return left
    new = db.xreadgroup(GROUP, me, {QUEUE: ">"}, count=1, block=min(LEASE_MS, 1000))
    return new[0][1] if new else []


try:
    db.xgroup_create(QUEUE, GROUP, id="0", mkstream=True)
except redis.ResponseError as error:
    if "BUSYGROUP" not in str(error):  # it is there already
        raise
while True:
    for entry, fields in take():
        work(entry, fields)
