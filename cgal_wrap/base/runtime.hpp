// What a process has one of, for all extension modules: its pool of threads, and Ctrl-C.
#pragma once

#include <cstddef>

namespace sdot {

// Calls one part of a loop; it must not throw.
using RunPart = void (*)(const void* loop, std::size_t part);

struct Runtime {
    void (*run_parts)(std::size_t parts, RunPart run_part, const void* loop);
    int (*pending_signal)();  // not zero if a signal's handler has raised an exception
};

// Without Python: the caller does all the work.
inline constexpr Runtime kAlone{
    [](std::size_t parts, RunPart run_part, const void* loop) {
        for (std::size_t part = 0; part < parts; ++part) run_part(loop, part);
    },
    [] { return 0; }};

// Each extension module is a shared object with variables of its own; all of them are set to the
// one that runtime.pyx owns.
inline const Runtime* runtime = &kAlone;

}  // namespace sdot
