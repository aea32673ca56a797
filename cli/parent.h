#pragma once

namespace cprobe {

/// Asks the system to stop this process, with SIGTERM, when its parent ends, if the environment
/// variable CPROBE_PARENT holds the parent's process id. Programs that drive cprobe set it: a
/// notebook's kernel that is killed then leaves no run behind. Ends the process at once if the
/// parent is gone.
void end_with_parent();

}  // namespace cprobe
