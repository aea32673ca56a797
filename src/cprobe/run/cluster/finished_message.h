#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// What a cell found, as it travels between processes (as CBOR, which keeps every bit).
nlohmann::json to_json(const FinishedCell& finished);
FinishedCell finished_of(const nlohmann::json& message);

}  // namespace cprobe
