/// Included before everything else, by clang-tidy only (scripts/check_tidy).
///
/// clang instantiates constexpr functions as soon as they are named, also where GCC waits. C++20 made std::vector
/// constexpr, and libtorch 1.13 names members of std::vector<IValue> inside IValue, which is incomplete there: clang
/// (14 and 16 tried) gives up on every file that includes <ATen/ATen.h>. So here std::vector is what it was in C++17.
#pragma once

// Includes all that <vector> includes, unchanged.
#include <algorithm>
#include <memory>
#include <string>

#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR
// Declared constexpr by <algorithm> already; under another name, <vector> does not contradict it.
#define __fill_a1 fill_bits_a1
#include <vector>
#undef __fill_a1
#undef _GLIBCXX20_CONSTEXPR
#define _GLIBCXX20_CONSTEXPR constexpr
