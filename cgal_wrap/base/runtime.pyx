# cython: language_level=3
# distutils: language = c++
"""The process's pool of threads and its Ctrl-C, owned here for all extension modules."""

import os
import threading

from cpython.pycapsule cimport PyCapsule_New

cdef extern from "base/thread_pool.hpp" namespace "sdot" nogil:
    cdef cppclass ThreadPool:
        size_t started()

        @staticmethod
        ThreadPool& of_process()

        @staticmethod
        void forget_in_children()

    void run_in_pool(size_t, RunPart, const void*) noexcept

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil
    int PyErr_CheckSignals()


cdef unsigned long main_thread


cdef int pending_signal() noexcept nogil:
    # Only the main thread handles signals. No other may ask for the GIL from inside of a kernel:
    # while the interpreter ends, that would end the thread by unwinding the kernel's stack.
    if PyThread_get_thread_ident() != main_thread:
        return 0
    with gil:
        return PyErr_CheckSignals()


def _find_main_thread():
    global main_thread
    main_thread = threading.main_thread().ident


def helpers_started():
    """The number of threads that this process has started for parallel loops, ever."""
    return ThreadPool.of_process().started()


_find_main_thread()
if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=_find_main_thread)
ThreadPool.forget_in_children()

cdef Runtime of_process
of_process.run_parts = run_in_pool
of_process.pending_signal = pending_signal
capsule = PyCapsule_New(&of_process, NULL, NULL)
