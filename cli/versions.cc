#include "cli/versions.h"

#include <torch/version.h>

#include <nlohmann/json.hpp>

#include "cprobe/core/device.h"
#include "cprobe/core/threads.h"
#include "cprobe/model/gemm.h"
#include "cprobe/record/provenance.h"
#include "cprobe/record/store_schema.h"

namespace cprobe {

std::string versions_json() {
  nlohmann::ordered_json devices = {"cpu"};
  for (int i = 0; i < n_gpus(); ++i) devices.push_back(fmt::format("cuda:{}", i));
  const nlohmann::ordered_json object = {{"cprobe", CPROBE_VERSION},
                                         {"all", versions()},
                                         {"libtorch", TORCH_VERSION},
                                         {"matrix_products", gemm_library()},
                                         {"linear_algebra", blas_name()},
                                         {"record_format", kSchemaVersion},
                                         {"devices", devices}};
  return object.dump();
}

}  // namespace cprobe
