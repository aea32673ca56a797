#pragma once

namespace cprobe {

/// Makes Ctrl-C (SIGINT) and SIGTERM request a stop, which long loops honour between two steps. A
/// second signal kills the process at once. A signal that the environment ignores (nohup, a
/// background job) stays ignored. Only main calls this function, once.
void catch_interrupts();

/// True from the first request to stop on.
bool interrupted();

/// Called by loops between steps that take well under a second.
/// @throws Error (kInterrupted) once a stop has been requested.
void stop_if_interrupted();

}  // namespace cprobe
