"""Python's own ways between two processes: python.py WORKLOAD CPU CPU; prints nanoseconds."""
import array, multiprocessing, os, statistics, sys, time
from multiprocessing import shared_memory

MESSAGE = bytes([1]) * 64
MEBIBYTE = bytes([7]) * (1 << 20)
NUMBERS = 8 << 20


def timed(work, count):
    began = time.perf_counter_ns()
    work()
    return (time.perf_counter_ns() - began) // count


def queue_echo(cpu, there, back, count, answers):
    os.sched_setaffinity(0, {cpu})
    back.put(0)
    for _ in range(count):
        message = there.get()
        if answers:
            back.put(message)
    back.put(1)


def queue(answers, count, here, there):
    out, back = multiprocessing.Queue(), multiprocessing.Queue()
    child = multiprocessing.Process(target=queue_echo, args=(there, out, back, count, answers))
    child.start()
    os.sched_setaffinity(0, {here})
    back.get()

    def work():
        for _ in range(count):
            out.put(MESSAGE)
            if answers:
                back.get()
        back.get()

    took = timed(work, count)
    child.join()
    return took


def pipe_echo(cpu, end, count, answers):
    os.sched_setaffinity(0, {cpu})
    end.send_bytes(b"0")
    for _ in range(count):
        message = end.recv_bytes()
        if answers:
            end.send_bytes(message)
        elif len(message) > 64:
            sum(memoryview(message).cast("Q")[::512])
    end.send_bytes(b"1")


def pipe(message, answers, count, here, there):
    near, far = multiprocessing.Pipe()
    child = multiprocessing.Process(target=pipe_echo, args=(there, far, count, answers))
    child.start()
    os.sched_setaffinity(0, {here})
    near.recv_bytes()

    def work():
        for _ in range(count):
            near.send_bytes(message)
            if answers:
                near.recv_bytes()
        near.recv_bytes()

    took = timed(work, count)
    child.join()
    return took


def touch(cpu, name, end):
    os.sched_setaffinity(0, {cpu})
    memory = shared_memory.SharedMemory(name)
    # The fastest that plain Python has for all of a buffer: one copy in memory.
    while end.recv_bytes() == b"go":
        half = len(memory.buf) // 2
        memory.buf[:half], memory.buf[half:] = memory.buf[half:], memory.buf[:half]
        end.send_bytes(b"done")
    memory.close()


def shared(here, there):
    memory = shared_memory.SharedMemory(create=True, size=8 * NUMBERS)
    memory.buf[:] = bytes(8 * NUMBERS)
    near, far = multiprocessing.Pipe()
    child = multiprocessing.Process(target=touch, args=(there, memory.name, far))
    child.start()
    os.sched_setaffinity(0, {here})

    def work():
        near.send_bytes(b"go")
        near.recv_bytes()

    work()
    took = int(statistics.median(timed(work, 1) for _ in range(5)))
    near.send_bytes(b"end")
    child.join()
    memory.close()
    memory.unlink()
    return took


if __name__ == "__main__":
    multiprocessing.set_start_method("fork")
    workload, here, there = sys.argv[1], int(sys.argv[2]), int(sys.argv[3])
    print({
        "queue-one-way": lambda: queue(False, 20000, here, there),
        "queue-ping-pong": lambda: queue(True, 2000, here, there),
        "pipe-one-way": lambda: pipe(MESSAGE, False, 20000, here, there),
        "pipe-ping-pong": lambda: pipe(MESSAGE, True, 2000, here, there),
        "pipe-mebibyte": lambda: pipe(MEBIBYTE, False, 200, here, there),
        "shared-in-place": lambda: shared(here, there),
    }[workload]())
