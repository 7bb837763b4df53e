"""The pool of threads: few of them, whatever surrounds the call."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import numpy as np
import pytest
from sdot.cgal_wrap.base.runtime import helpers_started
from support.subprocesses import run_python

from sdot import PolynomialGrid, SumOfDiracs, driver, optimal_transport_plan

ROOMS = Path(__file__).parents[2] / "cgal_wrap"
HAMMER = Path(__file__).parent / "thread_pool_hammer.cpp"
PROCESSORS = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else 1024

# What each process solves, and the bits of the answer.
PROBLEM = """
import os, threading
import numpy as np
from sdot import PolynomialGrid, SumOfDiracs, driver, optimal_transport_plan
from sdot.cgal_wrap.base.runtime import helpers_started

def bits(n=20_000, threads=4):
    driver.threads = threads
    sites = np.random.default_rng(0).random((n, 2))
    plan = optimal_transport_plan(SumOfDiracs(sites), PolynomialGrid([[1.0]]))
    return hash(plan.potentials.tobytes()) ^ hash(plan.barycenters.tobytes())
"""


def answers(code: str, folder: Path) -> list[str]:
    result = run_python(PROBLEM + code, folder, PYTHONHASHSEED="0")
    assert result.returncode == 0, result.stderr
    return result.stdout.split()


def test_the_bits_do_not_depend_on_the_threads_and_few_are_started() -> None:
    sites = np.random.default_rng(0).random((20_000, 2))
    plans = []
    for driver.threads in (1, 2, 3, 64):
        plans.append(optimal_transport_plan(SumOfDiracs(sites), PolynomialGrid([[1.0]])))
    assert len({plan.potentials.tobytes() for plan in plans}) == 1
    assert len({plan.barycenters.tobytes() for plan in plans}) == 1
    # It was one thread for every part of every loop: thousands of them.
    assert helpers_started() < PROCESSORS


def test_a_process_starts_no_thread_that_it_was_not_asked_for(tmp_path: Path) -> None:
    count = "print(len(os.listdir('/proc/self/task')) if os.path.isdir('/proc/self/task') else 0)"
    code = f"""
{count}; bits(); bits(); {count}; print(helpers_started(), len(os.sched_getaffinity(0)))
"""
    before, after, helpers, processors = map(int, answers(code, tmp_path))
    assert helpers == min(4, processors) - 1
    assert after - before in (helpers, 0)


def test_without_address_space_for_threads_fewer_do_the_work(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    code = """
import resource
expected = bits(200_000, threads=1)
used = int(open("/proc/self/statm").read().split()[0]) * resource.getpagesize()
# Room for the arrays beside the stacks of few threads, not of 63.
resource.setrlimit(resource.RLIMIT_AS, (used + (300 << 20),) * 2)
print(bits(200_000, threads=64) == expected)
"""
    if not Path("/proc/self/statm").exists():
        pytest.skip("reads Linux's /proc")
    assert answers(code, tmp_path) == ["True"]


def test_without_processes_to_be_had_the_caller_does_the_work(tmp_path: Path) -> None:
    pytest.importorskip("resource")
    code = """
import resource
expected = bits(threads=1)
resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
if os.getuid() == 0:
    os.setuid(54321)  # root is not held to the limit
try:
    threading.Thread(target=int).start()
    print("limit does not hold")
except RuntimeError:
    print(bits(threads=8) == expected, helpers_started())
"""
    answer = answers(code, tmp_path)
    if answer == ["limit", "does", "not", "hold"]:
        pytest.skip("this system does not limit threads")
    assert answer == ["True", "0"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_a_child_after_a_solve_has_a_pool_of_its_own(tmp_path: Path) -> None:
    code = """
import warnings; warnings.simplefilter("ignore")
expected = bits()
if os.fork() == 0:
    os._exit(0 if helpers_started() == 0 and bits() == expected else 1)
print(os.wait()[1], bits() == expected)
"""
    assert answers(code, tmp_path) == ["0", "True"]


def test_a_child_while_another_thread_solves(tmp_path: Path) -> None:
    code = """
import time, warnings; warnings.simplefilter("ignore")
expected = bits(4_000)
stop = threading.Event()
def solve():
    while not stop.is_set():
        bits(4_000)
solver = threading.Thread(target=solve)
solver.start()
codes = []
for _ in range(10):
    time.sleep(0.02)
    if os.fork() == 0:
        os._exit(0 if bits(4_000) == expected else 1)
    codes.append(os.wait()[1])
stop.set(); solver.join()
print(codes == [0] * 10)
"""
    assert answers(code, tmp_path) == ["True"]


def test_many_callers_at_once_share_the_threads(tmp_path: Path) -> None:
    code = """
from concurrent.futures import ThreadPoolExecutor
expected = bits(3_000)
with ThreadPoolExecutor(50) as callers:
    found = list(callers.map(lambda _: bits(3_000), range(50)))
print(found == [expected] * 50, helpers_started() < len(os.sched_getaffinity(0)))
"""
    assert answers(code, tmp_path) == ["True", "True"]


def test_the_process_may_end_while_a_daemon_thread_solves(tmp_path: Path) -> None:
    code = """
import time
sites = np.random.default_rng(0).random((300_000, 2))
driver.threads = 3
def solve():
    optimal_transport_plan(SumOfDiracs(sites), PolynomialGrid([[1.0]]))
threading.Thread(target=solve, daemon=True).start()
time.sleep(DELAY)
print("done")
"""
    for delay in (0.2, 0.8):
        assert answers(code.replace("DELAY", str(delay)), tmp_path) == ["done"]


@pytest.mark.skipif(shutil.which("c++") is None, reason="needs a C++ compiler")
def test_loops_in_loops_from_many_threads(tmp_path: Path) -> None:
    program = tmp_path / "hammer"
    command = ["c++", "-std=c++17", "-O1", "-pthread", f"-I{ROOMS}", HAMMER, "-o", program]
    subprocess.run(command, check=True)
    subprocess.run([program], timeout=60, check=True)
