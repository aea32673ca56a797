#pragma once

#include <nlohmann/json_fwd.hpp>

#include "cprobe/record/recorded.h"

namespace cprobe {

/// Encodes the results of a cell for a message between processes. Written as CBOR, the message
/// keeps every bit.
nlohmann::json to_json(const FinishedCell& finished);
/// Decodes a message of `to_json`.
FinishedCell finished_of(const nlohmann::json& message);

}  // namespace cprobe
