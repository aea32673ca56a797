#pragma once

namespace cprobe {

/// Makes Ctrl-C (SIGINT) and SIGTERM a request to stop that long loops honour between two steps; a second one kills at
/// once. A signal that the caller's environment ignores (nohup, a background job) stays ignored. Called once, by main.
void catch_interrupts();

/// True once a stop has been requested; it stays true.
bool interrupted();

/// @throws Error (kInterrupted) once a stop has been requested. Called between steps that take well under a second.
void stop_if_interrupted();

}  // namespace cprobe
