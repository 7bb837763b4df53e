# cython: language_level=3
"""Ctrl-C in kernels that run without the GIL (see interruption.hpp)."""

cdef extern from "Python.h":
    int PyErr_CheckSignals()


cdef inline int pending_signal() noexcept with gil:
    return PyErr_CheckSignals()


cdef inline int check_finished(bint finished) except -1:
    return 0 if finished else -1  # the signal's handler has set the exception
