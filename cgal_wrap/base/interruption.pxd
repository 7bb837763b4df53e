# cython: language_level=3
"""Ctrl-C in kernels that run without the GIL (see interruption.hpp)."""

from cgal_wrap.base.runtime cimport runtime


cdef inline int pending_signal() noexcept nogil:
    return runtime.pending_signal()


cdef inline int check_finished(bint finished) except -1:
    return 0 if finished else -1  # the signal's handler has set the exception
