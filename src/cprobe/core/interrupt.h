#pragma once

namespace cprobe {

/// Makes Ctrl-C (SIGINT) and SIGTERM request a stop, which long loops honour between two steps. A
/// second signal kills the process at once. A signal that the environment ignores (nohup, a
/// background job) stays ignored.
///
/// A thread of its own takes the signals; this thread, and those that it starts later, block them.
/// Only main calls this function, once, before it starts threads that compute.
void catch_interrupts();

/// True from the first request to stop on.
bool interrupted();

/// Called by loops between steps that take well under a second.
/// @throws Error (kInterrupted) once a stop has been requested.
void stop_if_interrupted();

}  // namespace cprobe
