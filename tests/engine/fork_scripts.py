"""Scripts of processes that fork: what each begins with, what its children do, and how it is run.

A script is run in a process of its own, because pytest has threads, and what a child inherits of
them is not part of the test. A planted bug is code that runs after the prelude.
"""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import psutil

import cachedesk

PRELUDE = """
import atexit, gc, hashlib, inspect, json, multiprocessing, os, signal, subprocess, sys
import threading, time
import cachedesk

data = sys.argv[1]
cache = cachedesk.open(data)
cache.set("order:1", "paid")
cache.incr("views:1")
for _ in range(3):
    cache.get("order:1")

def wait_for(child):
    _, status = os.waitpid(child, 0)
    assert status == 0, status

def files():
    "What this process has open of the data directory, and sockets."
    names = []
    for number in os.listdir("/proc/self/fd"):
        try:
            names.append(os.readlink(f"/proc/self/fd/{number}"))
        except OSError:
            pass
    return names

def plain(value: str) -> str:
    return value

def refused(cache, function, arguments):
    try:
        result = function(cache, *arguments)
        if hasattr(result, "__next__"):
            next(result)
        elif inspect.isfunction(result):
            result(plain)("1")  # a decorator
        elif hasattr(result, "get"):
            result.get("order:1")  # another face of the same cache
    except cachedesk.Forked as error:
        text = str(error)
        return f"process {opener}" in text and f"process {os.getpid()}," in text
    except (TypeError, AttributeError, ValueError):
        return None  # the arguments make no sense
    return False

def every_call(cache):
    "Return the outcome of every public call of a cache, by name; True: it raised Forked."
    known = {
        "drain": (1,), "replay_dead": (1,), "drop_dead": (1,), "get_many": (["order:1"],),
        "evict": ("*",), "write": (("incr", "views:1", 5),), "set": ("order:1", "lost"),
        "write_many": ([("incr", "views:1", 1), ("set", "order:1", "x")],),
        "get_or_set": ("order:1", str), "cas": ("order:1", "paid", "x"),
    }
    outcomes = {}
    for name in dir(type(cache)):
        function = getattr(type(cache), name)
        if name.startswith("_") and name not in special or not inspect.isfunction(function):
            continue
        if name == "refuse":  # the hook of the fork itself
            continue
        parameters = list(inspect.signature(function).parameters.values())[1:]
        needed = [
            {"ttl": 30, "keys": ["order:1"]}.get(each.name, "order:1") for each in parameters
            if each.default is each.empty and each.kind is each.POSITIONAL_OR_KEYWORD
        ]
        # Calls that this test does not know are tried with keys and with nothing.
        tries = [special.get(name) or known.get(name) or needed, [[] for _ in needed]]
        found = [refused(cache, function, arguments) for arguments in tries]
        outcomes[name] = next((each for each in found if each is not None), False)
    return outcomes

special = {
    "__enter__": (), "__exit__": (None, None, None), "__iter__": (), "__len__": (),
    "__contains__": ("order:1",), "__getitem__": ("order:1",), "__delitem__": ("order:1",),
    "__setitem__": ("order:1", "lost"),
}
opener = os.getpid()

def must_refuse_all(cache):
    outcomes = every_call(cache)
    assert {"get", "close", "policy", "__enter__", "items"} <= outcomes.keys(), outcomes
    assert all(outcomes.values()), [name for name in outcomes if not outcomes[name]]
    assert repr(cache).endswith("of a parent process>"), repr(cache)

def server():
    "The pid of the server, and the folder of its socket."
    with open(f"{data}/redis.state") as file:
        state = json.load(file)
    return state["pid"], state["folder"]

judge = r'''
import hashlib, json, os, signal, sys, time

def state(pid):
    try:
        with open(f"/proc/{pid}/stat") as file:
            return file.read().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"

def touched():
    "What a child could change: the bytes of all files, the server, the folder of its socket."
    found = {}
    for path, _, names in os.walk(data):
        for name in names:
            with open(os.path.join(path, name), "rb") as file:
                found[os.path.join(path, name)] = hashlib.sha256(file.read()).hexdigest()
    found["server"] = state(server["pid"]) not in ("Z", "gone")
    found["folder"] = os.path.isdir(server["folder"]) and sorted(os.listdir(server["folder"]))
    return found

data, parent, child, go = sys.argv[1], *map(int, sys.argv[2:])
with open(f"{data}/redis.state") as file:
    server = json.load(file)
# While the parent is stopped, only the child can change anything.
os.kill(parent, signal.SIGSTOP)
while {state(f"{parent}/task/{task}") for task in os.listdir(f"/proc/{parent}/task")} != {"T"}:
    time.sleep(0.001)
try:
    before = touched()
    os.write(go, b"x")
    while state(child) != "Z":
        time.sleep(0.001)
    after = touched()
finally:
    os.kill(parent, signal.SIGCONT)
changed = [name for name in before | after if before.get(name) != after.get(name)]
if changed:
    raise SystemExit(f"the child touched {changed}")
'''

def watched_child(way, fork=os.fork):
    "Fork a child that does ``way``; check that it touches nothing; return how it ended."
    wait, go = os.pipe()
    child = fork()
    if child == 0:
        os.close(go)
        os.read(wait, 1)
        way()
        sys.exit(0)
    os.close(wait)
    command = [sys.executable, "-S", "-c", judge, data, str(os.getpid()), str(child), str(go)]
    subprocess.run(command, pass_fds=[go], check=True)
    os.close(go)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])

def second_process_is_refused():
    code = "import sys, cachedesk\\ntry: cachedesk.open(sys.argv[1])\\nexcept cachedesk.InUse: pass"
    code += "\\nelse: raise SystemExit('the lock is gone')"
    subprocess.run([sys.executable, "-c", code, data], check=True)

def check_parent():
    "The parent goes on as if there had been no child."
    with open(f"{data}/redis.state") as file:
        folder = json.load(file)["folder"]
    assert os.path.exists(f"{folder}/redis.sock")
    assert cache.get("order:1") == b"paid"
    cache.set("order:2", "new")
    assert cache.incr("views:1") == 2
    cache.drain(60)
    assert not cache.snapshot().redis.restarts
    assert dict(cache.items()) == {b"order:1": b"paid", b"order:2": b"new", b"views:1": b"2"}
    assert cache.snapshot().books.balanced
    cache.close()
    with cachedesk.open(data) as again:
        assert again.get("views:1") == b"2"
"""

EVERY_CALL = """
child = os.fork()
if child == 0:
    must_refuse_all(cache)
    thread_failed = []
    def all_of_them():
        try:
            must_refuse_all(cache)
        except BaseException as error:
            thread_failed.append(error)
    thread = threading.Thread(target=all_of_them)
    thread.start()
    thread.join()
    assert not thread_failed, thread_failed
    sys.exit(0)
wait_for(child)
check_parent()
"""

EVERY_LOCK_IS_HELD = """
from cachedesk.stack.stack import Stack

stack = Stack(data + ".stack")
stack.layer.set("order:1", "paid")
kinds = (type(threading.Lock()), type(threading.RLock()))
held = threading.Event()
loading = threading.Event()
over = threading.Event()
taken = []

def load():
    loading.set()
    over.wait()
    return "loaded"

loader = threading.Thread(target=cache.get_or_set, args=("session:1", load))
loader.start()
loading.wait()

def locks():
    "Every lock of the two stacks. (Attributes are not read: a property may take a lock.)"
    for thing in gc.get_objects():
        if type(thing).__module__.split(".")[0] in ("cachedesk", "persistqueue"):
            for value in gc.get_referents(thing, getattr(thing, "__dict__", None)):
                if isinstance(value, threading.Event):
                    value = value._cond
                if isinstance(value, threading.Condition):
                    value = value._lock
                if isinstance(value, kinds):
                    yield value

def hold():
    for lock in locks():
        if lock.acquire(blocking=False):
            taken.append(lock)
    held.set()
    over.wait()
    for lock in taken:
        lock.release()

holder = threading.Thread(target=hold)
holder.start()
held.wait()
assert len(taken) > 20, taken
child = os.fork()
if child == 0:
    signal.alarm(patience)  # a deadlock ends with SIGALRM
    for each in (cache, stack.layer):
        must_refuse_all(each)
    for call in (stack.snapshot, stack.close, lambda: stack.inspect(b"order:1")):
        try:
            call()
        except cachedesk.Forked:
            continue
        os._exit(1)
    gc.collect()
    sys.exit(0)
over.set()
holder.join()
loader.join()
wait_for(child)
stack.close()
assert cache.get("session:1") == b"loaded"
cache.delete("session:1")
check_parent()
"""

EXITS = """
for _ in cache.items():
    pass

def end_of_the_script():
    pass

def unhandled():
    raise ValueError("an unhandled exception")

def collected():
    global cache
    del cache
    for _ in range(3):
        gc.collect()

def at_exit():
    atexit.register(cache.close)

def closed():
    try:
        cache.close()
    except cachedesk.Forked:
        sys.exit(0)
    os._exit(1)

def left_by_exit():
    with cache_entered_by_the_parent:
        sys.exit(5)

def another_program():
    os.execv(sys.executable, [sys.executable, "-c", "raise SystemExit(6)"])

def pool_of_threads():
    from concurrent.futures import ThreadPoolExecutor
    with ThreadPoolExecutor(2) as pool:
        for done in [pool.submit(cache.incr, "views:1") for _ in range(4)]:
            try:
                done.result()
            except cachedesk.Forked:
                continue
            os._exit(1)

class Entered:
    "A block that the parent entered before the fork."
    def __enter__(self):
        return self
    def __exit__(self, *what):
        return cache.__exit__(*what)

cache_entered_by_the_parent = Entered()
ways = {
    end_of_the_script: 0,
    unhandled: 1,
    collected: 0,
    at_exit: 0,
    closed: 0,
    left_by_exit: 5,
    another_program: 6,
    pool_of_threads: 0,
    lambda: sys.exit(3): 3,
    lambda: os._exit(4): 4,
    lambda: os.kill(os.getpid(), signal.SIGTERM): -signal.SIGTERM,
    lambda: os.kill(os.getpid(), signal.SIGINT): 130,
    lambda: os.kill(os.getpid(), signal.SIGKILL): -signal.SIGKILL,
    lambda: os.abort(): -signal.SIGABRT,
}
def quietly(way):
    null = os.open(os.devnull, os.O_WRONLY)
    os.dup2(null, 2)  # the traceback of an unhandled exception
    import resource
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    # A shell starts a command in the background with SIGINT ignored.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        way()
    except KeyboardInterrupt:
        sys.exit(130)

for way, code in ways.items():
    ended = watched_child(lambda: quietly(way))
    assert ended == code, (way, ended)
    assert cache.get("order:1") == b"paid"
second_process_is_refused()
check_parent()
"""

WITHOUT_HOOKS = """
import ctypes

# Like uWSGI, and like a library in C: Python does not learn of the fork. (PyDLL keeps the
# interpreter's lock, which another thread could hold at the fork otherwise.)
fork = ctypes.PyDLL(None).fork
def attempt(way):
    signal.alarm(patience)
    for call in (lambda: cache.get("order:1"), lambda: cache.incr("views:1")):
        try:
            call()
        except cachedesk.Forked as error:
            assert f"process {opener}" in str(error), error
        else:
            os._exit(1)
    must_refuse_all(cache)
    way()

for way in (lambda: sys.exit(0), lambda: os._exit(0), lambda: must_refuse_all(cache)):
    assert watched_child(lambda: attempt(way), fork) == 0
second_process_is_refused()
check_parent()
"""

IN_A_HANDLER_DURING_A_READ = """
from cachedesk.stores.redis.connection import RedisConnection

# The handler comes while the reply is awaited: the child must not take it from the parent.
os.kill(server()[0], signal.SIGSTOP)
child = None

def handler(*_):
    global child
    if child is None:
        child = os.fork()
        if child:
            os.kill(server()[0], signal.SIGCONT)

def sockets():
    return [name for name in files() if name.startswith("socket:")]

def look(self, real=RedisConnection._receive):
    if child is None:
        signal.setitimer(signal.ITIMER_REAL, 0.005)
    return real(self)

had = sockets()
assert had
RedisConnection._receive = look
signal.signal(signal.SIGALRM, handler)
try:
    while child is None:
        found = cache.get("order:1")
    if child == 0:
        os._exit(1)
except cachedesk.Forked:
    os._exit(len(sockets()))
wait_for(child)
assert found == b"paid", found
RedisConnection._receive = RedisConnection._receive.__defaults__[0]
until = time.monotonic() + 60
while not cache.snapshot().redis.health.value == "up" and time.monotonic() < until:
    time.sleep(0.01)
check_parent()
"""

FORKED_BY_MULTIPROCESSING = """
import pickle

def attempt(queue, inherited):
    outcomes = []
    for call in (lambda: inherited.incr("views:1"), lambda: cachedesk.open(data)):
        try:
            outcomes.append(call())
        except cachedesk.CachedeskError as error:
            outcomes.append(type(error).__name__)
    with cachedesk.open(f"{data}.{os.getpid()}") as own:
        outcomes.append(own.incr("views:1"))
    queue.put(outcomes)

context = multiprocessing.get_context("fork")
queue = context.Queue()
for _ in range(3):
    process = context.Process(target=attempt, args=(queue, cache))
    process.start()
    assert queue.get(timeout=120) == ["Forked", "Forked", 1]
    process.join()
    assert process.exitcode == 0
try:
    pickle.dumps(cache)
except TypeError as error:
    assert "cannot be sent to another process" in str(error), error
else:
    raise SystemExit("it was pickled")
check_parent()
"""

TORTURE = """
import random

counts = {}
stop = threading.Event()
going = threading.Barrier(4)

def count(number):
    "Add up what was acknowledged."
    going.wait()
    keys = [f"views:of:{number}", f"order:of:{number}"]
    while not stop.is_set():
        for key in keys:
            cache.incr(key)
            counts[key] = counts.get(key, 0) + 1

counters = [threading.Thread(target=count, args=(number,)) for number in range(3)]
for counter in counters:
    counter.start()
going.wait()
draw = random.Random(int(sys.argv[2]))
ends = [
    lambda: sys.exit(0),
    lambda: os._exit(0),
    lambda: os.kill(os.getpid(), signal.SIGTERM),
    lambda: os.kill(os.getpid(), signal.SIGKILL),
    lambda: 1 / 0,
    lambda: gc.collect(),
    lambda: atexit.register(cache.close),
]
living = []
for number in range(int(sys.argv[3])):
    child = os.fork()
    if child == 0:
        null = os.open(os.devnull, os.O_WRONLY)
        os.dup2(null, 2)
        must_refuse_all(cache)
        if draw.random() < 0.3 and os.fork() == 0:
            must_refuse_all(cache)
            os._exit(0)
        draw.choice(ends)()
        sys.exit(0)
    draw.random(), draw.choice(ends)
    living.append(child)
    while len(living) > 3:
        _, status = os.waitpid(living.pop(0), 0)
        code = os.waitstatus_to_exitcode(status)
        assert code in (0, 1, -signal.SIGTERM, -signal.SIGKILL), code
for child in living:
    os.waitpid(child, 0)
stop.set()
for counter in counters:
    counter.join()
assert not cache.snapshot().redis.restarts
print(json.dumps(counts), flush=True)
# No drain, no close: recovery has the rest.
os.kill(os.getpid(), signal.SIGKILL)
"""


ORPHAN = """
# The newest writes are in the -wal files only; closing the last connection moves them.
cache.incr("views:2")
child = os.fork()
if child == 0:
    sys.stdin.readline()
    for _ in range(2):
        gc.collect()
    sys.exit(0)
print(child, flush=True)
time.sleep(300)
"""


def orphan_exits(data: Path, planted: str = "") -> list[str]:
    """Kill a process, then let its child end; return the files that the end of the child changed.

    Args:
        data: the data directory that the process opens.
        planted: code that runs in both.
    """
    code = f"{PRELUDE}{planted}\n{ORPHAN}"
    with subprocess.Popen(
        [sys.executable, "-c", code, str(data)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdin is not None
        assert parent.stdout is not None
        child = psutil.Process(int(parent.stdout.readline()))
        parent.kill()
        parent.wait()
        before = _contents(data)
        parent.stdin.write(b"\n")
        parent.stdin.flush()
        # Both ends of its output are closed once the child has ended.
        parent.stdout.read()
    psutil.wait_procs([child], timeout=120)
    after = _contents(data)
    tidy(data)
    names = sorted(before.keys() | after.keys())
    return [name for name in names if before.get(name) != after.get(name)]


def _contents(data: Path) -> dict[str, bytes]:
    return {
        str(path.relative_to(data)): path.read_bytes() for path in data.rglob("*") if path.is_file()
    }


def run(
    script: str, data: Path, *arguments: str, planted: str = "", patience: int = 120
) -> subprocess.CompletedProcess[str]:
    """Run the prelude, a planted bug and a script in a new process, and return how it ended.

    Args:
        script: Python code.
        data: the data directory that the process opens.
        arguments: further ones, from ``sys.argv[2]`` on.
        planted: code that runs before the script.
        patience: seconds after which a child that hangs is ended.
    """
    code = f"patience = {patience}\n{PRELUDE}{planted}\n{script}"
    command = [sys.executable, "-W", "error::ResourceWarning", "-c", code, str(data), *arguments]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=300)
    finally:
        if planted:
            tidy(data)


def tidy(data: Path) -> None:
    """Remove what a process that did not close its stacks has left outside of their directories,
    as the next process does that opens them.

    Args:
        data: the directory of the first of them; the names of the others begin with its name.
    """
    for state in data.parent.glob(f"{data.name}*/redis.state"):
        cachedesk.open(state.parent).close()
