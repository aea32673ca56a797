#include <cstdlib>

#include "cprobe/core/error.h"
#include "cprobe/run/cluster/ranks.h"

namespace cprobe {

std::unique_ptr<Ranks> join_ranks() {
  const char* size = std::getenv("OMPI_COMM_WORLD_SIZE");
  if (size != nullptr && std::string(size) != "1") {
    throw input_error(
        "this cprobe was built without MPI; install libopenmpi-dev and build it again, or start it without mpirun");
  }
  return nullptr;
}

}  // namespace cprobe
