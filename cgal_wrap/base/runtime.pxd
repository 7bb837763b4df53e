# cython: language_level=3
"""Every extension module that works in parallel calls ``join_process`` when it is imported."""

from cpython.pycapsule cimport PyCapsule_GetPointer

cdef extern from "base/runtime.hpp" namespace "sdot" nogil:
    ctypedef void (*RunPart)(const void*, size_t) noexcept nogil

    cdef struct Runtime:
        void (*run_parts)(size_t, RunPart, const void*) noexcept nogil
        int (*pending_signal)() noexcept nogil

    const Runtime* runtime


cdef inline int join_process() except -1:
    """Share the pool of threads of the process."""
    global runtime
    from sdot.cgal_wrap.base import runtime as owner
    runtime = <const Runtime*> PyCapsule_GetPointer(owner.capsule, NULL)
    return 0
