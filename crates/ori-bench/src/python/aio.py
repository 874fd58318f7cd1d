"""mt.aio, the Python original, as a benchmark's contestant (package `mtbase`).

Reads one line for each run, which says how many items there are; writes a line with the answer, and
another one when what was started for the run has ended.
"""

import asyncio
import os
import queue
import sys
import threading

from mt import aio

IN_FLIGHT = 16
AT_A_TIME = 1024
PLACES = 64
ASYNC = {"async": True}


class Sum(aio.BgProcess):
    total = 0

    def child_handle_message(self, msg):
        self.total += msg
        return self.total


def length_and_last_byte(path):
    with open(path, "rb") as file:
        length = file.seek(-1, os.SEEK_END) + 1
        return length + file.read(1)[0]


async def write(items):
    path = os.path.join(sys.argv[2], "a")
    for _ in range(items):
        await aio.write_binary(path, data, context_vars=ASYNC)
    return length_and_last_byte(path)


async def write_x16(items):
    paths = [os.path.join(sys.argv[2], str(n)) for n in range(IN_FLIGHT)]
    for _ in range(items // IN_FLIGHT):
        await asyncio.gather(*(aio.write_binary(path, data, context_vars=ASYNC) for path in paths))
    return sum(map(length_and_last_byte, paths))


async def json_load(items):
    records = await aio.json_load(sys.argv[2], context_vars=ASYNC)
    return sum(
        record["id"] + (record["parent"] or 0) + len(record["name"]) + len(record["scores"]) + int(sum(record["scores"]))
        for record in records
    )


async def get(places, items):
    total = 0
    for _ in range(items):
        total += await aio.qget_aio(places)
    return total


async def queue_async(items):
    places = queue.Queue(PLACES)

    async def put():
        for n in range(items):
            await aio.qput_aio(places, n)

    producer = asyncio.create_task(put())
    total = await get(places, items)
    await producer
    return total


async def queue_sync(items):
    places = queue.Queue(PLACES)
    producer = threading.Thread(target=lambda: [places.put(n) for n in range(items)])
    producer.start()
    total = await get(places, items)
    producer.join()
    return total


async def tasks(items):
    total = 0

    async def add():
        nonlocal total
        total += 1

    manager = aio.AprocManager(AT_A_TIME)
    for _ in range(items):
        await manager.send(asyncio.ensure_future(add()))
    await manager.cleanup()
    return total


async def bgprocess(items):
    before = await process.send(0)
    for _ in range(items):
        await process.send(1)
    return await process.send(0) - before


async def serve(run):
    loop = asyncio.get_running_loop()
    while line := await loop.run_in_executor(None, sys.stdin.readline):
        print(await run(int(line)), flush=True)
        print("ended", flush=True)


if __name__ == "__main__":
    task = sys.argv[1]
    if task.startswith("write"):
        data = b"\7" * int(sys.argv[3])
    process = Sum() if task == "bgprocess" else None
    asyncio.run(serve(globals()[task.replace("-", "_")]))
    if process:
        process.close()
