#pragma once

#include "cprobe/model/architecture.h"

namespace cprobe {

/// The families of models, each in the file beside this one that is named after it or after its
/// first relative.
extern const Architecture kGpt2, kGptNeo, kGptJ, kGptNeoX, kOpt, kLlama, kMistral, kQwen2, kQwen3, kSmolLm3, kGemma,
    kGemma2, kGemma3, kPhi, kPhi3, kOlmo, kOlmo2, kStableLm;

}  // namespace cprobe
