"""The process pool of Python's standard library, as a benchmark's contestant.

Reads one line for each run, which says how many items there are; writes a line with the answer, and
another one when what was started for the run has ended.
"""

import sys
from concurrent.futures import ProcessPoolExecutor


def add_one(n):
    return n + 1


def length(data):
    return len(data)


def echo(data):
    return data


def serial(pool, items):
    return sum(pool.submit(add_one, n).result() for n in range(items))


def pipelined(pool, items):
    futures = [pool.submit(add_one, n) for n in range(items)]
    return sum(future.result() for future in futures)


def batches(pool, items):
    return sum(pool.map(add_one, range(items), chunksize=100))


def one_way(pool, items):
    return pool.submit(length, memory[:items]).result()


def both_ways(pool, items):
    return len(pool.submit(echo, memory[:items]).result()) * 2


def say(text):
    print(text, flush=True)


if __name__ == "__main__":
    task, ballast = sys.argv[1], int(sys.argv[2])
    # Written to, or it would not be resident.
    memory = b"\1" * ballast
    if task == "start":
        for line in sys.stdin:
            with ProcessPoolExecutor(max_workers=1) as pool:
                say(pool.submit(add_one, 0).result())
            say("ended")
    else:
        run = {"serial": serial, "pipelined": pipelined, "batches": batches, "one-way": one_way, "both-ways": both_ways}[task]
        with ProcessPoolExecutor(max_workers=2) as pool:
            for line in sys.stdin:
                say(run(pool, int(line)))
                say("ended")
