"""Threads, processes, and C libraries through ctypes."""
import concurrent.futures
import ctypes
import hashlib
import multiprocessing
import os
import subprocess
import sys
import threading
import zlib


def work(seed):
    rows = [{"n": i, "text": "row %d" % (i * seed)} for i in range(5000)]
    rows.sort(key=lambda row: row["text"])
    packed = zlib.compress(repr(rows).encode())
    return hashlib.sha256(zlib.decompress(packed)).hexdigest()[:16]


if __name__ == "__main__":
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        print(list(pool.map(work, range(1, 9))))
    stop = threading.Event()

    def busy():
        while not stop.is_set():
            bytearray(2000), [bytes(n) for n in range(200)]

    threads = [threading.Thread(target=busy) for _ in range(3)]
    for thread in threads:
        thread.start()
    for child in range(20):
        read, write = os.pipe()
        pid = os.fork()
        if pid == 0:
            os.write(write, work(child).encode())
            os._exit(0)
        os.close(write)
        text = b""
        while part := os.read(read, 100):
            text += part
        os.close(read)
        print(text.decode(), os.waitpid(pid, 0)[1])
    stop.set()
    for thread in threads:
        thread.join()
    with multiprocessing.get_context("spawn").Pool(2) as pool:
        print(pool.map(work, [101, 102, 103]))
    print(subprocess.run([sys.executable, "-c", "print(sum(map(len, map(str, range(99999)))))"], capture_output=True).stdout)
    libc = ctypes.CDLL(None)
    libc.malloc.restype = libc.realloc.restype = libc.strdup.restype = ctypes.c_void_p
    libc.malloc.argtypes = [ctypes.c_size_t]
    libc.realloc.argtypes = [ctypes.c_void_p, ctypes.c_size_t]
    libc.free.argtypes = [ctypes.c_void_p]
    block = libc.malloc(10)
    for size in (100, 5000, 70000, 5000000, 40, 1):
        ctypes.memset(block, size % 256, 1)
        block = libc.realloc(block, size)
        print(ctypes.string_at(block, 1)[0])
    libc.free(block)
    copy = libc.strdup(b"a string of the C library's own")
    print(ctypes.string_at(copy))
    libc.free(copy)
