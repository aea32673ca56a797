#include "cli/parent.h"

#include <sys/prctl.h>
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <string>

namespace cprobe {

void end_with_parent() {
  const char* parent = std::getenv("CPROBE_PARENT");
  if (parent == nullptr) return;
  prctl(PR_SET_PDEATHSIG, SIGTERM);
  // The parent may have ended before the call above. A process that something else starts in
  // between, such as mpirun, has another parent, whose end is then the one that counts.
  if (getppid() == 1 && std::string(parent) != "1") std::exit(1);
}

}  // namespace cprobe
